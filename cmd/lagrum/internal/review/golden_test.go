package review

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/tests/golden"
)

// recorded are the cases under testdata with the exit code that each must give. Those named hand-made are written by
// hand, since only a cloud, or a service that the lab does not run, could say so; the others were recorded from the real
// engine by tests/previews, those named after a declared stack against plugins that make nothing.
var recorded = map[string]int{
	"no-change":             0,
	"worker-added":          0,
	"pool-removed":          0,
	"mirror-changed":        0,
	"api-narrowed":          0,
	"api-widened":           2,
	"ceiling-shortened":     2,
	"control-plane-renewed": 2,
	"wireguard-on":          2,
	"control-plane-resized": 3,
	"floor-shortened":       3,
	"node-network-moved":    3,
	"outside-the-eea":       3,
	"protection-removed":    3,
	"records-shortened":     3,
	"stack-renamed":         3,
	"wireguard-off":         3,
	"protected-deleted":     1,
	"site-refused":          1,

	"se-prod-no-change":             0,
	"se-prod-image-changed":         0,
	"se-prod-operator-of-the-state": 0,
	"se-prod-worker-leaves":         3,
	"se-prod-rarer-backups":         2,
	"se-prod-one-factor":            2,
	"se-prod-disks-of-another-type": 1,
	"se-test-disks-of-another-type": 3,
	"se-test-stores-given-up":       3,
	"se-test-lock-shortened":        3,
	"se-prod-worker-left":           3,
	"se-prod-worker-cut-off":        1,
	"se-prod-one-factor-refused":    1,

	"hand-made-aws-archive": 3,
	"hand-made-aws-nodes":   3,
	"hand-made-duties":      3,
	"hand-made-kubernetes":  3,
	"hand-made-openstack":   3,
}

func load(t *testing.T, name string) Input {
	t.Helper()
	in := Input{Stack: "rev", Plans: true}
	for _, stack := range []string{"se-prod", "se-test"} {
		if strings.HasPrefix(name, stack+"-") {
			in.Stack = stack
		}
	}
	for file, into := range map[string]*[]byte{"preview.json": &in.Preview, "old.plan.json": &in.OldPlan, "new.plan.json": &in.NewPlan} {
		text, err := os.ReadFile(filepath.Join("testdata", name, file))
		if !os.IsNotExist(err) {
			require.NoError(t, err)
		}
		*into = text
	}
	in.Plans = len(in.OldPlan) > 0
	require.NotEmpty(t, in.Preview, name)
	return in
}

func review(t *testing.T, inputs ...Input) *Report {
	t.Helper()
	r, err := New(inputs)
	require.NoError(t, err)
	return r
}

func TestRecordedChanges(t *testing.T) {
	dirs, err := os.ReadDir("testdata")
	require.NoError(t, err)
	require.Len(t, dirs, len(recorded), "every folder under testdata has its code in the table")
	for name, code := range recorded {
		t.Run(name, func(t *testing.T) {
			r := review(t, load(t, name))
			golden.Compare(t, filepath.Join(name, "review.md"), r.Markdown())
			require.Equal(t, code, r.Code())
		})
	}
}

// Every kind of flag occurs in some recording of the real engine, so that its golden shows it. No site can raise the kinds
// of an object store yet, since no stack makes one: theirs are written by hand.
func TestEveryKindIsSeen(t *testing.T) {
	seen, real := map[Kind]bool{}, 0
	for name := range recorded {
		if strings.HasPrefix(name, "hand-made-") {
			continue
		}
		real++
		for _, f := range review(t, load(t, name)).stacks[0].flags {
			seen[f.kind] = true
		}
	}
	for _, k := range kinds() {
		require.True(t, seen[k.kind], "no recording raises %s", k.kind)
	}
	require.GreaterOrEqual(t, real, 10)
}

// What is printed of the law is what the catalogue prints, and nothing else.
func TestCitationsAreTheCatalogues(t *testing.T) {
	catalogue, err := requirements.Embedded()
	require.NoError(t, err)
	allowed := map[string]bool{}
	for _, row := range catalogue.All() {
		allowed["- "+plain(row.Cite())] = true
	}
	cited := 0
	for name := range recorded {
		inside := false
		for _, line := range strings.Split(review(t, load(t, name)).Markdown(), "\n") {
			switch {
			case line == "Touches:":
				inside = true
			case inside && strings.HasPrefix(line, "- "):
				require.True(t, allowed[line], "%s: %s", name, line)
				cited++
			case line != "":
				inside = false
			}
		}
	}
	require.Greater(t, cited, 50)
}

// Markdown shows a citation as the catalogue words it: escaping adds what a reader never sees.
func TestPlainChangesNoWord(t *testing.T) {
	catalogue, err := requirements.Embedded()
	require.NoError(t, err)
	for _, row := range catalogue.All() {
		read := strings.NewReplacer(`\*`, "*", `\_`, "_", "&lt;", "<", "\\`", "`").Replace(plain(row.Cite()))
		require.Equal(t, row.Cite(), read)
	}
}

// The order in which the engine happened to take its steps shows nowhere.
func TestOrderOfStepsDoesNotMatter(t *testing.T) {
	for name := range recorded {
		in := load(t, name)
		want := review(t, in).Markdown()
		var digest map[string]any
		decoder := json.NewDecoder(bytes.NewReader(in.Preview))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&digest))
		steps, _ := digest["steps"].([]any)
		slices.Reverse(steps)
		var err error
		in.Preview, err = json.Marshal(digest)
		require.NoError(t, err)
		require.Equal(t, want, review(t, in).Markdown(), name)
	}
}

// Recordings hold no secret: the recorder searches them, and this finds what somebody added by hand.
func TestRecordingsHoldNoKeyAndNoPlaceOfThisMachine(t *testing.T) {
	err := filepath.WalkDir("testdata", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, never := range []string{"PRIVATE KEY", "/root/", "/home/", "sourcePosition"} {
			require.NotContains(t, string(text), never, path)
		}
		return nil
	})
	require.NoError(t, err)
}

func TestStacksThatNeedAPersonComeFirst(t *testing.T) {
	var inputs []Input
	for _, name := range []string{"no-change", "worker-added", "api-widened", "floor-shortened", "site-refused"} {
		in := load(t, name)
		in.Stack = name
		inputs = append(inputs, in)
	}
	r := review(t, inputs...)
	text := r.Markdown()
	last := 0
	for _, name := range []string{"site-refused", "floor-shortened", "api-widened", "worker-added", "no-change"} {
		at := strings.Index(text, code(name)+":")
		require.Greater(t, at, last, name)
		last = at
	}
	require.Equal(t, CodeFailed, r.Code())
	require.Equal(t, 1, strings.Count(text, Marker))
	require.True(t, strings.HasPrefix(text, Marker+"\n"))
	require.Contains(t, text, "\n- `no-change`: no changes\n", "one line")
}

// A comment that is too long would be refused as a whole: changes go, flags stay.
func TestCommentFitsGitHub(t *testing.T) {
	var inputs []Input
	for _, letter := range "abcdefghijkl" {
		in := load(t, "stack-renamed")
		in.Stack = string(letter)
		inputs = append(inputs, in)
	}
	text := review(t, inputs...).Markdown()
	require.Less(t, len(text), 65536)
	require.Contains(t, text, "The changes are left out")
	require.Equal(t, 12, strings.Count(text, "SEVERE: a key or a certificate authority"))
	require.Contains(t, text, "**Deleted**", "what fits stays")
}
