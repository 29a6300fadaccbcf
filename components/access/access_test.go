package access

import (
	"os"
	"strings"
	"testing"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
)

const (
	bindingType = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding"
	roleType    = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"
)

func everybody() plan.Access {
	return plan.Access{Operators: []string{"a", "b"}, SecurityOfficers: []string{"c"}, Auditors: []string{"d"}, BreakGlass: []string{"e"}}
}

func record(t *testing.T, groups plan.Access, preview bool) *harness.Recording {
	t.Helper()
	return harness.Run(t, func(ctx *pulumi.Context) error {
		providers, err := harness.Providers(ctx, "kubernetes")
		if err != nil {
			return err
		}
		guard, err := corev1.NewConfigMap(ctx, "guard", &corev1.ConfigMapArgs{}, providers)
		if err != nil {
			return err
		}
		_, err = New(ctx, "se-prod-access", &Args{Plan: &plan.Plan{Name: "se-prod", Access: groups}, Guards: []pulumi.Resource{guard}}, providers)
		return err
	}, harness.Options{Preview: preview})
}

func TestObjects(t *testing.T) {
	t.Parallel()
	for _, preview := range []bool{true, false} {
		objects, err := record(t, everybody(), preview).Objects()
		require.NoError(t, err)
		golden.Compare(t, "access.yaml", objects)
	}
}

// People are bound by groups, which the API server knows behind a prefix, and nobody before the guards.
func TestOnlyGroupsAreBound(t *testing.T) {
	t.Parallel()
	bindings := record(t, everybody(), false).Of(bindingType)
	require.Len(t, bindings, 4)
	for _, made := range bindings {
		subjects := made.Inputs["subjects"].([]any)
		require.NotEmpty(t, subjects, made.Name)
		for _, s := range subjects {
			subject := s.(map[string]any)
			assert.Equal(t, "Group", subject["kind"], made.Name)
			assert.True(t, strings.HasPrefix(subject["name"].(string), bootstrap.PersonPrefix), made.Name)
		}
		guarded := false
		for _, urn := range made.Dependencies {
			guarded = guarded || strings.HasSuffix(urn, "::guard")
		}
		assert.True(t, guarded, made.Name)
	}
}

// All rights are given to one persona alone, and no role of ours has a wildcard or a Secret.
func TestRolesAreNarrow(t *testing.T) {
	t.Parallel()
	r := record(t, everybody(), false)
	for _, made := range r.Of(bindingType) {
		role := made.Inputs["roleRef"].(map[string]any)["name"]
		assert.Equal(t, strings.HasSuffix(made.Name, "-break-glass"), role == everything, made.Name)
	}
	roles := r.Of(roleType)
	require.Len(t, roles, 3)
	for _, made := range roles {
		for _, rule := range made.Inputs["rules"].([]any) {
			for key, values := range rule.(map[string]any) {
				for _, value := range values.([]any) {
					assert.NotEqual(t, "*", value, "%s: %s", made.Name, key)
					assert.NotContains(t, []string{"secrets", "impersonate", "bind", "escalate", "nodes/proxy", "pods/exec", "dex.coreos.com"}, value, made.Name)
				}
			}
		}
	}
}

// A persona that the site gives to no group is not there.
func TestNobody(t *testing.T) {
	t.Parallel()
	r := record(t, plan.Access{}, false)
	assert.Empty(t, r.Of(bindingType))
	assert.Empty(t, r.Of(roleType))
	assert.Empty(t, r.Of("kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"))
}

// The page shows the table that the API server is asked.
func TestPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/access.md")
	require.NoError(t, err)
	assert.Contains(t, string(page), ActsTable())
}
