package objectlock

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wellBehaved is what a store gives that keeps every promise.
func wellBehaved() []Finding {
	good := map[Kind]Verdict{Control: Holds, Fact: Holds, Attack: Refused, Later: Unaffected}
	var all []Finding
	for _, check := range Catalogue() {
		for _, on := range check.On {
			all = append(all, Finding{ID: check.ID, Kind: check.Kind, On: on, Verdict: good[check.Kind], Answers: []Answer{{Status: 403, Code: "AccessDenied"}}})
		}
	}
	return all
}

// An attack that leaves the catalogue is no longer asked for by the judgement, so its rows are written out here.
func TestCatalogueHasEveryAttack(t *testing.T) {
	t.Parallel()
	var have []string
	for _, f := range wellBehaved() {
		have = append(have, fmt.Sprintf("%s %s (%s)", f.Kind, f.ID, f.On))
	}
	want := []string{
		"fact clock (store)",
		"control lifecycle-rule (bucket)",
		"control versioning-on (bucket)",
		"control delete-unlocked (unlocked)",
		"control bypass-governance (governance)",
		"fact date (own date)", "fact date (default)",
		"control extend (own date)",
		"attack delete (own date)", "attack delete (default)",
		"attack delete-bypass (own date)", "attack delete-bypass (default)",
		"attack delete-batch (own date)", "attack delete-batch (default)",
		"attack delete-force (own date)", "attack delete-force (default)",
		"attack shorten (own date)", "attack shorten (default)",
		"attack shorten-bypass (own date)", "attack shorten-bypass (default)",
		"attack mode (own date)", "attack mode (default)",
		"attack mode-bypass (own date)", "attack mode-bypass (default)",
		"attack unset (own date)", "attack unset (default)",
		"attack unset-bypass (own date)", "attack unset-bypass (default)",
		"attack overwrite (own date)", "attack overwrite (default)",
		"attack marker (own date)", "attack marker (default)",
		"attack suspend (bucket)",
		"attack lifecycle (bucket)",
		"attack delete-bucket (bucket)",
		"attack delete-bucket-force (bucket)",
		"attack default-weaken (bucket)", "later default-weaken (later)",
		"attack default-remove (bucket)", "later default-remove (later)",
		"attack delete-again (own date)", "attack delete-again (default)",
	}
	assert.ElementsMatch(t, want, have)
}

func TestAStoreThatKeepsEveryPromiseIsAnArchive(t *testing.T) {
	t.Parallel()
	assert.Equal(t, Judgement{Archive: true}, Judge(wellBehaved()))
}

// Each single attack that is accepted, each fact or control that fails, and each check without an answer or a try.
func TestOneFailureIsEnough(t *testing.T) {
	t.Parallel()
	for i, f := range wellBehaved() {
		bad := map[Kind]Verdict{Control: Fails, Fact: Fails, Attack: Accepted}
		for name, spoil := range map[string]func([]Finding) []Finding{
			"failed":  func(all []Finding) []Finding { all[i].Verdict = bad[f.Kind]; return all },
			"unclear": func(all []Finding) []Finding { all[i].Verdict = Unclear; return all },
			"unknown": func(all []Finding) []Finding { all[i].Verdict = ""; return all },
			"untried": func(all []Finding) []Finding { return append(all[:i], all[i+1:]...) },
		} {
			if name == "failed" && f.Kind == Later {
				continue // what becomes of later objects is a condition, below
			}
			t.Run(fmt.Sprintf("%s %s %s %s", f.Kind, f.ID, f.On, name), func(t *testing.T) {
				t.Parallel()
				j := Judge(spoil(wellBehaved()))
				assert.False(t, j.Archive)
				require.Len(t, j.Reasons, 1)
				assert.Contains(t, j.Reasons[0].What, "("+string(f.On)+")")
				assert.NotEmpty(t, j.Reasons[0].Broken)
				assert.NotEmpty(t, j.Reasons[0].Remedy)
			})
		}
	}
}

func TestWhatIsNotOffered(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		id      ID
		kind    Kind
		archive bool
	}{
		{"lifecycle", Attack, true},          // no rules, no attack by them
		{"lifecycle-rule", Control, false},   // but nothing ends at the ceiling either
		{"bypass-governance", Control, true}, // without governance nothing can be mistaken for it
		{"versioning-on", Control, false},
		{"delete-batch", Attack, true},
	} {
		t.Run(string(row.id), func(t *testing.T) {
			t.Parallel()
			all := wellBehaved()
			for i := range all {
				if all[i].ID == row.id && all[i].Kind == row.kind {
					all[i].Verdict = NotOffered
				}
			}
			assert.Equal(t, row.archive, Judge(all).Archive)
		})
	}
}

func TestLaterObjectsAreACondition(t *testing.T) {
	t.Parallel()
	all := wellBehaved()
	for i := range all {
		if all[i].Kind == Later {
			all[i].Verdict = Affected
		}
	}
	j := Judge(all)
	assert.True(t, j.Archive)
	require.Len(t, j.Conditions, 2)
	assert.Contains(t, j.Conditions[0], "no credential in the cluster has s3:PutBucketObjectLockConfiguration")
}

// What an attack did counts more than what the store says that it did.
func TestJudgeAttack(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		answers []Answer
		effect  string
		want    Verdict
	}{
		"refused":                        {[]Answer{{Status: 403, Code: "AccessDenied"}}, "", Refused},
		"refused, and done all the same": {[]Answer{{Status: 403, Code: "AccessDenied"}}, "the version is gone", Accepted},
		"accepted and done":              {[]Answer{{Status: 200}}, "the version is gone", Accepted},
		"accepted, nothing done":         {[]Answer{{Status: 204}}, "", Harmless},
		"refused within a batch":         {[]Answer{{Status: 200, Code: "AccessDenied"}}, "", Refused},
		"a second step refused":          {[]Answer{{Status: 200}, {Status: 403, Code: "AccessDenied"}}, "", Refused},
		"not known":                      {[]Answer{{Status: 501, Code: "NotImplemented"}}, "", NotOffered},
		"the store failed":               {[]Answer{{Status: 500, Code: "InternalError"}}, "", Unclear},
		"too much asked":                 {[]Answer{{Status: 503, Code: "SlowDown"}}, "", Unclear},
		"no answer":                      {[]Answer{{Err: errors.New("reset")}}, "", Unclear},
		"no answer, and done":            {[]Answer{{Err: errors.New("reset")}}, "the version is gone", Accepted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, row.want, judgeAttack(row.answers, row.effect))
		})
	}
}
