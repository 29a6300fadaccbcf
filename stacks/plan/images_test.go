package plan_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/stacks/site"
)

// No site knows an image, so that missing digests are judged once the images of a plan are known.
func TestUnresolvedImages(t *testing.T) {
	t.Parallel()
	resolve := func(stack string, waivers ...site.Waiver) *plan.Plan {
		s := load(t, stack)
		s.Waivers = waivers
		p, _, err := plan.Resolve(s, profile(t, s), at())
		require.NoError(t, err)
		return &p
	}
	missing := []string{"ghcr.io/dexidp/dex:v2.41.1", "registry.k8s.io/etcd:3.6.5-0"}
	const refusal = `images.lock.yaml: 2 images are without a digest, so that a registry may give other bytes tomorrow: ghcr.io/dexidp/dex:v2.41.1, registry.k8s.io/etcd:3.6.5-0; ` +
		`run lagrum images resolve where their registries or the site's mirror can be reached, and commit the file
    by: HSLF-FS 2016:40`

	for _, stack := range []string{"se-prod", "se-dr", "dk-prod"} {
		warnings, err := plan.Unresolved(resolve(stack), missing)
		assert.Empty(t, warnings, stack)
		require.ErrorContains(t, err, "images.lock.yaml: 2 images are without a digest", stack)
		require.ErrorContains(t, err, "\n    by: NIS2 art. 21(2)(d); IR 2024/2690 annex 5 [EU-NIS2-21-2-d]", stack)
		require.ErrorContains(t, err, "\n    our reading: the rules name no digests;", stack)
	}
	_, err := plan.Unresolved(resolve("se-prod"), missing)
	require.ErrorContains(t, err, refusal)

	test := resolve("se-prod")
	test.Protect = false
	warnings, err := plan.Unresolved(test, missing)
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0].String(), refusal)

	warnings, err = plan.Unresolved(resolve("se-prod"), nil)
	require.NoError(t, err)
	assert.Empty(t, warnings)

	excused := resolve("se-prod", waiver(t, "EU-NIS2-21-2-d", "2026-12-31"))
	assert.Equal(t, []string{"images.lock.yaml"}, excused.Waivers[0].Paths)
	warnings, err = plan.Unresolved(excused, missing)
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0].String(), "waived until 2026-12-31 by Head of security (The recertification audit is booked for August.): "+refusal)
	warnings, err = plan.Unresolved(excused, nil)
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	assert.Equal(t, `waivers: "EU-NIS2-21-2-d" waives no missing digest: every image has one; take it out, unless it waives something else`, warnings[0].String())
}

// A waiver of something else excuses no image, and one that has passed refuses as every other.
func TestWaiversOfImages(t *testing.T) {
	t.Parallel()
	s := load(t, "se-prod")
	s.Retention.RecordYears = 9
	s.Waivers = []site.Waiver{waiver(t, "SE-PDL-3-17", "2026-12-31")}
	p, _, err := plan.Resolve(s, profile(t, s), at())
	require.NoError(t, err)
	_, err = plan.Unresolved(&p, []string{"registry.k8s.io/etcd:3.6.5-0"})
	require.Error(t, err)

	s = load(t, "se-prod")
	s.Waivers = []site.Waiver{waiver(t, "EU-NIS2-21-2-d", "2026-05-31")}
	_, _, err = plan.Resolve(s, profile(t, s), at())
	require.ErrorContains(t, err, "has passed")
}
