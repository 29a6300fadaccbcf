package retirement

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
)

const job = "kubernetes:batch/v1:Job"

func site(retirements ...plan.Retirement) *plan.Plan {
	return &plan.Plan{
		Name: "dev", Retirements: retirements,
		Cluster: plan.Cluster{Name: "dev", EtcdTag: "3.6.5-0", APIPort: 6443},
	}
}

func twice() *plan.Plan {
	return site(
		plan.Retirement{Node: "cp-1-g1", Replacement: "cp-1-g2"}, plan.Retirement{Node: "cp-3-g1", Replacement: "cp-3-g2"},
		plan.Retirement{Node: "cp-1-g2", Replacement: "cp-1-g3"},
	)
}

func program(p *plan.Plan) func(*pulumi.Context) error {
	return func(ctx *pulumi.Context) error {
		providers, err := harness.Providers(ctx, "kubernetes", "lab")
		if err != nil {
			return err
		}
		machine := &struct{ pulumi.CustomResourceState }{}
		if err := ctx.RegisterResource("lab:index:Machine", "cp-1-g3", pulumi.Map{}, machine, providers); err != nil {
			return err
		}
		_, err = New(ctx, "dev-retirement", &Args{
			Plan: p, Endpoint: pulumi.String("10.20.0.2"), Machines: map[string]pulumi.Resource{"cp-1-g3": machine},
		}, providers)
		return err
	}
}

func TestGraph(t *testing.T) {
	t.Parallel()
	for name, preview := range map[string]bool{"preview": true, "update": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden.Compare(t, "graph.txt", harness.Run(t, program(twice()), harness.Options{Preview: preview}).Graph())
		})
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	one := site(plan.Retirement{Node: "cp-1-g1", Replacement: "cp-1-g2"})
	objects, err := harness.Run(t, program(one), harness.Options{}).Objects()
	require.NoError(t, err)
	golden.Compare(t, "objects.yaml", objects)
}

// Without a retirement nobody in the cluster may evict or delete.
func TestNothingToRetire(t *testing.T) {
	t.Parallel()
	graph := harness.Run(t, program(site()), harness.Options{}).Graph()
	assert.Equal(t, "lab:index:Machine cp-1-g3\nlagrum:retirement:Retirement dev-retirement\n"+
		"pulumi:providers:kubernetes kubernetes\npulumi:providers:lab lab\n", graph)
}

// Two members of etcd must never leave at the same time.
func TestOneAfterTheOther(t *testing.T) {
	t.Parallel()
	recording := harness.Run(t, program(twice()), harness.Options{})
	first := recording.Get(t, job, "dev-retirement-cp-1-g1")
	second := recording.Get(t, job, "dev-retirement-cp-3-g1")
	third := recording.Get(t, job, "dev-retirement-cp-1-g2")
	machine := recording.Get(t, "lab:index:Machine", "cp-1-g3")
	role := recording.Get(t, "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", "dev-retirement")

	assert.Contains(t, second.Dependencies, first.URN)
	assert.Contains(t, third.Dependencies, second.URN)
	assert.Contains(t, third.Dependencies, machine.URN)
	assert.NotContains(t, first.Dependencies, machine.URN, "its replacement is another, and gone")
	for _, made := range []*harness.Resource{first, second, third} {
		assert.Contains(t, made.Dependencies, role.URN)
	}
}

// A retirement that is done stays done: what it says must not change with the retirements that follow it.
func TestLaterRetirementsLeaveEarlierJobsAlone(t *testing.T) {
	t.Parallel()
	before := harness.Run(t, program(site(plan.Retirement{Node: "cp-1-g1", Replacement: "cp-1-g2"})), harness.Options{})
	after := harness.Run(t, program(twice()), harness.Options{})
	assert.Equal(t,
		before.Get(t, job, "dev-retirement-cp-1-g1").Inputs,
		after.Get(t, job, "dev-retirement-cp-1-g1").Inputs)
}

func TestOptions(t *testing.T) {
	t.Parallel()
	made := harness.Run(t, program(twice()), harness.Options{}).Get(t, job, "dev-retirement-cp-1-g1")
	assert.True(t, made.DeleteBeforeReplace)
	assert.Equal(t, "25m0s", made.CreateTimeout)
	assert.Equal(t, []string{"spec.template.spec.containers[0].image"}, made.IgnoreChanges)
}

func TestNameThatDoesNotFit(t *testing.T) {
	t.Parallel()
	old := strings.Repeat("p", 52) + "-1-g1"
	_, err := harness.Record(program(site(plan.Retirement{Node: old, Replacement: "p-1-g2"})), harness.Options{})
	require.ErrorContains(t, err, `retirement of `+old+`: job name "retire-`+old+`" has 64 characters: shorten the pool's name, 63 fit`)
}
