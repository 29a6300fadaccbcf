package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// lagrum runs this test binary as the command.
func lagrum(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "LAGRUM_TEST_AS_COMMAND=1")
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok {
		return string(out), string(exit.Stderr), exit.ExitCode()
	}
	require.NoError(t, err)
	return string(out), "", 0
}

const previews = "internal/review/testdata/"

func TestReviewExitCodes(t *testing.T) {
	for name, want := range map[string]int{"no-change": 0, "api-widened": 2, "control-plane-resized": 3, "site-refused": 1} {
		out, problems, code := lagrum(t, "review", "rev="+previews+name+"/preview.json")
		require.Equal(t, want, code, name)
		require.Contains(t, out, "<!-- lagrum review -->\n", name)
		require.Empty(t, problems, name)
	}
}

func TestReviewReadsPlans(t *testing.T) {
	old, now := t.TempDir(), t.TempDir()
	for dir, file := range map[string]string{old: "old.plan.json", now: "new.plan.json"} {
		text, err := os.ReadFile(previews + "records-shortened/" + file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "rev.plan.json"), text, 0o600))
	}
	out, _, code := lagrum(t, "review", "--plans", old+","+now, "rev="+previews+"records-shortened/preview.json")
	require.Equal(t, 3, code)
	require.Contains(t, out, "SEVERE: records are kept for a shorter time")
}

func TestReviewMistakesAreReportedAtOnce(t *testing.T) {
	out, problems, code := lagrum(t, "review", "--plans", "no-such-folder", "no-equals", "a=no-such-file.json", "a=b", "../a=b")
	require.Equal(t, 1, code)
	require.Empty(t, out)
	for _, want := range []string{
		`--plans: "no-such-folder" is not two folders; write OLD,NEW`,
		`--plans: "no-such-folder" is no folder`,
		`"no-equals": write STACK=PREVIEW.json`,
		`"a=no-such-file.json": open no-such-file.json: no such file or directory; run: pulumi preview --json --show-sames --stack a > no-such-file.json`,
		`"a=b": stack a is given twice`,
		`"../a=b": write STACK=PREVIEW.json`,
	} {
		require.Contains(t, problems, want)
	}
}
