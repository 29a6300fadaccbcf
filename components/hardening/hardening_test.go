package hardening

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
)

const (
	policyType  = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"
	bindingType = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding"
)

func site() *plan.Plan {
	return &plan.Plan{
		Name: "se-prod", Protect: true, Cluster: plan.Cluster{Version: "v1.36.3", Registry: "registry.example.org/mirror"},
		Asks: map[requirements.Capability]plan.IDs{
			requirements.ImageProvenance: {"SE-HSLF-3-10"}, requirements.PodSecurity: {"EU-GDPR-25-1"},
			requirements.ConfigHardening: {"EU-IR2690-6.3"}, requirements.EncryptionInTransit: {"SE-HSLF-3-15-1"},
			requirements.RBAC: {"SE-HSLF-4-2a", "EU-GDPR-25-2"}, requirements.NetworkSegmentation: {"SE-HSLF-3-18"},
		},
	}
}

func record(t *testing.T, p *plan.Plan, preview bool) *harness.Recording {
	t.Helper()
	return harness.Run(t, func(ctx *pulumi.Context) error {
		providers, err := harness.Providers(ctx, "kubernetes")
		if err != nil {
			return err
		}
		_, err = New(ctx, "se-prod-hardening", &Args{Plan: p}, providers)
		return err
	}, harness.Options{Preview: preview})
}

func TestObjects(t *testing.T) {
	t.Parallel()
	for _, preview := range []bool{true, false} {
		recording := record(t, site(), preview)
		objects, err := recording.Objects()
		require.NoError(t, err)
		golden.Compare(t, "prod.yaml", objects)
		golden.Compare(t, "prod.graph.txt", recording.Graph())
	}
}

// A policy without a binding refuses nothing, one that fails open refuses nothing that it cannot judge.
func TestEveryPolicyDenies(t *testing.T) {
	t.Parallel()
	r := record(t, site(), false)
	policies, bindings := r.Of(policyType), r.Of(bindingType)
	require.Len(t, policies, len(rulesOf(site())))
	require.Len(t, bindings, len(policies))
	for i, policy := range policies {
		spec := policy.Inputs["spec"].(map[string]any)
		assert.Equal(t, "Fail", spec["failurePolicy"], policy.Name)
		name := policy.Inputs["metadata"].(map[string]any)["name"]
		bound := bindings[i].Inputs["spec"].(map[string]any)
		assert.Equal(t, name, bound["policyName"])
		assert.Equal(t, []any{"Deny"}, bound["validationActions"], policy.Name)
		assert.NotContains(t, bound, "matchResources", policy.Name)
		assert.Contains(t, bindings[i].Dependencies, policy.URN)
		for _, each := range spec["matchConstraints"].(map[string]any)["resourceRules"].([]any) {
			assert.Equal(t, []any{"CREATE", "UPDATE"}, each.(map[string]any)["operations"], policy.Name)
		}
		for _, each := range spec["validations"].([]any) {
			message := each.(map[string]any)["message"].(string)
			assert.True(t, strings.HasPrefix(message, fmt.Sprint(name)+": "), message)
			assert.Regexp(t, `\(asked for by [A-Z][^)]*: see the catalogue\)$`, message)
		}
	}
}

// A namespace is exempt where a reason is written, and that is the cluster's own and no other.
func TestExemptions(t *testing.T) {
	t.Parallel()
	for _, r := range rulesOf(site()) {
		for _, e := range r.exempt {
			assert.Contains(t, map[string][]string{
				"image-digests": {"kube-system", "lagrum-identity", "lagrum-gateway", "lagrum-runtime"}, "node-isolation": {"kube-system", "lagrum-runtime"},
				"api-tokens": {"kube-system"}, "resources": {"kube-system"},
			}[r.what], e.Namespace, "%s: Dex, Traefik and Falco are exempt from nothing else", r.what)
			assert.NotEmpty(t, e.Reason, r.what)
		}
	}
}

func TestDigestsAreForProduction(t *testing.T) {
	t.Parallel()
	p := site()
	p.Protect = false
	assert.Len(t, rulesOf(p), len(rulesOf(site()))-1)
	text, err := record(t, p, false).Objects()
	require.NoError(t, err)
	assert.NotContains(t, text, "lagrum-image-digests")
}

// Once a service has its digest, its namespace is under the rule as every other; what kubeadm writes stays outside.
func TestExemptUntilThereIsADigest(t *testing.T) {
	t.Parallel()
	p := site()
	exempt := func() (namespaces []string) {
		for _, e := range digests(p).exempt {
			namespaces = append(namespaces, e.Namespace)
		}
		return namespaces
	}
	want := []string{"kube-system", "lagrum-identity", "lagrum-gateway", "lagrum-runtime"}
	require.Equal(t, want, exempt())
	c := images.For(p.Cluster)
	p.Cluster.Digests = map[string]string{}
	for i, image := range []images.Image{c.Dex, c.Traefik, c.Falco} {
		p.Cluster.Digests[image.Name()] = "sha256:" + strings.Repeat("1", 64)
		assert.Equal(t, append([]string{"kube-system"}, want[i+2:]...), exempt(), image.Name())
	}
}

// Without a registry of the site's own, the catalogue's repositories are all that there is.
func TestSources(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"registry.example.org/mirror/"}, sources(site().Cluster))
	upstream := plan.Cluster{Version: "v1.36.3", EtcdTag: "1", PauseTag: "1", CoreDNSTag: "1"}
	from := sources(upstream)
	for _, image := range images.For(upstream).All() {
		assert.Contains(t, from, image.Upstream+":")
		assert.Contains(t, from, image.Upstream+"@")
	}
}

// A law that asks for nothing is not made to.
func TestMessageClaimsNoLawThatIsNotThere(t *testing.T) {
	t.Parallel()
	p := site()
	p.Asks = nil
	text, err := record(t, p, false).Objects()
	require.NoError(t, err)
	assert.NotContains(t, text, "asked for by")
}
