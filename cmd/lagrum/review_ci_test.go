package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

const checkout = "../.."

// As the command itself this test binary stands in for the one that a pipeline builds.
func TestMain(m *testing.M) {
	if os.Getenv("LAGRUM_TEST_AS_COMMAND") != "" {
		main()
	}
	os.Exit(m.Run())
}

// pipelines returns the scripts of each pipeline file, by file and step.
func pipelines(t *testing.T) map[string]map[string]string {
	t.Helper()
	read := func(name string, into any) {
		text, err := os.ReadFile(filepath.Join(checkout, "docs/ci", name))
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal(text, into), name)
	}
	var github struct {
		Jobs struct {
			Review struct {
				If    string
				Steps []struct{ Name, Uses, Run string }
			}
		}
	}
	read("github-actions.yml", &github)
	require.Contains(t, github.Jobs.Review.If, "head.repo.full_name == github.repository", "a fork's program gets no credentials")
	steps := map[string]string{}
	for _, s := range github.Jobs.Review.Steps {
		if s.Run != "" {
			steps[s.Name] = s.Run
		}
	}
	var gitlab struct {
		Review struct {
			Rules        []struct{ If string }
			Script       []string
			BeforeScript []string `yaml:"before_script"`
		}
	}
	read("gitlab-ci.yml", &gitlab)
	require.Len(t, gitlab.Review.Rules, 1)
	require.Contains(t, gitlab.Review.Rules[0].If, "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID", "a fork's program gets no credentials")
	require.Len(t, gitlab.Review.Script, 3)
	return map[string]map[string]string{
		"github-actions.yml": steps,
		"gitlab-ci.yml": {"Before": strings.Join(gitlab.Review.BeforeScript, "\n"),
			"Review": gitlab.Review.Script[0], "Comment": gitlab.Review.Script[1], "Verdict": gitlab.Review.Script[2]},
	}
}

var (
	ownCommand = regexp.MustCompile(`(?:bin/|"\$)lagrum"? ([a-z]+)((?: +--?[a-z-]+)*)`)
	ownScript  = regexp.MustCompile(`docs/ci/[a-z-]+\.sh`)
)

// The pipelines are scripts that a shell can read, and what they call of this repository exists.
func TestPipelineCommandsExist(t *testing.T) {
	script, err := os.ReadFile(filepath.Join(checkout, "docs/ci/review.sh"))
	require.NoError(t, err)
	scripts := map[string]string{"review.sh": string(script)}
	for file, steps := range pipelines(t) {
		require.NotEmpty(t, steps["Review"], file)
		require.NotEmpty(t, steps["Comment"], file)
		require.NotEmpty(t, steps["Verdict"], file)
		require.Contains(t, steps["Review"], "docs/ci/review.sh ", file)
		for name, text := range steps {
			scripts[file+" "+name] = text
		}
	}
	verbs := map[string]bool{}
	for name, text := range scripts {
		cmd := exec.Command("bash", "-n")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
		for _, m := range ownCommand.FindAllStringSubmatch(text, -1) {
			found, _, err := root().Find([]string{m[1]})
			require.NoError(t, err, "%s: %s", name, m[0])
			for _, flag := range strings.Fields(m[2]) {
				require.NotNil(t, found.Flags().Lookup(strings.TrimLeft(flag, "-")), "%s: %s", name, m[0])
			}
			verbs[m[1]] = true
		}
		for _, path := range ownScript.FindAllString(text, -1) {
			info, err := os.Stat(filepath.Join(checkout, path))
			require.NoError(t, err, name)
			require.NotZero(t, info.Mode()&0o100, "%s: %s cannot be run", name, path)
		}
	}
	require.True(t, verbs["review"] && verbs["plan"], "the pipelines' commands are no longer found: %v", verbs)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o755))
}

// bash runs a script as the pipelines do, with stand-ins before everything else on the PATH.
func bash(t *testing.T, dir, bin, script string, env ...string) (string, int) {
	t.Helper()
	cmd := exec.Command("bash", "-eo", "pipefail", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH")), env...)
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		require.NoError(t, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// The script reviews every declared stack, the one that is gone too, and leaves out the laboratory's: in a repository of
// its own, with a stand-in for the CLI that answers with recorded previews, and this very binary as lagrum.
func TestReviewScript(t *testing.T) {
	work, bin := t.TempDir(), t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	testdata, err := filepath.Abs("internal/review/testdata")
	require.NoError(t, err)
	write(t, filepath.Join(bin, "go"), fmt.Sprintf(`#!/bin/bash
dir=. out=
while (($#)); do case $1 in -C) dir=$2; shift ;; -o) out=$2; shift ;; esac; shift; done
mkdir -p "$dir/bin"
printf '#!/bin/sh\nexec env LAGRUM_TEST_AS_COMMAND=1 "%s" "$@"\n' > "$dir/$out"
chmod +x "$dir/$out"
`, self))
	write(t, filepath.Join(bin, "pulumi"), fmt.Sprintf(`#!/bin/bash
[[ " $* " == *" preview --json --show-sames "* ]] || exit 9
case " $* " in
*" --stack quiet "* | *" --stack gone "*) cat "%[1]s/no-change/preview.json" ;;
*" --stack loud "*) cat "%[1]s/control-plane-resized/preview.json" ;;
*) exit 255 ;;
esac
`, testdata))
	script, err := os.ReadFile(filepath.Join(checkout, "docs/ci/review.sh"))
	require.NoError(t, err)
	write(t, filepath.Join(work, "docs/ci/review.sh"), string(script))
	dev, err := os.ReadFile(filepath.Join(checkout, "Pulumi.dev.yaml"))
	require.NoError(t, err)
	for _, stack := range []string{"quiet", "loud", "gone", "dev"} {
		write(t, filepath.Join(work, "Pulumi."+stack+".yaml"), string(dev))
	}
	write(t, filepath.Join(work, ".gitignore"), "/bin/\n/.lagrum/\n")
	git := func(command string) {
		out, code := bash(t, work, bin, "git -c user.name=t -c user.email=t@example.org "+command)
		require.Zero(t, code, out)
	}
	git("init -q -b main .")
	git("add .")
	git("commit -q -m base")
	git("checkout -q -b change")
	shorter := strings.Replace(string(dev), "{class: patient-access, floorDays: 1827", "{class: patient-access, floorDays: 400", 1)
	require.NotEqual(t, string(dev), shorter)
	write(t, filepath.Join(work, "Pulumi.quiet.yaml"), shorter)
	git("commit -q -a -m shorter")

	out, code := bash(t, work, bin, "docs/ci/review.sh main")
	require.Equal(t, 3, code, out)
	text, err := os.ReadFile(filepath.Join(work, ".lagrum/review/review.md"))
	require.NoError(t, err)
	for _, want := range []string{
		"`quiet`: no resource changes", "`duties.logs[patient-access].floorDays`: `1827 days` → `400 days`", // the plans of both sides
		"`loud`: 1 changed, 2 replaced", "- `gone`: no changes",
	} {
		require.Contains(t, string(text), want, out)
	}
	require.NotContains(t, string(text), "`dev`:", "the laboratory's state is on one machine")
	require.NoDirExists(t, filepath.Join(work, ".lagrum/review/base"), "the worktree is given back")

	git("rm -q Pulumi.gone.yaml")
	git("commit -q -m gone")
	out, code = bash(t, work, bin, "docs/ci/review.sh main")
	require.Equal(t, 1, code, out)
	text, err = os.ReadFile(filepath.Join(work, ".lagrum/review/review.md"))
	require.NoError(t, err)
	require.Contains(t, string(text), "### `gone`: not reviewed")
	require.Contains(t, string(text), "The stack had a plan and has none now")
}

// commentWorld has stand-ins for gh and curl that keep comments in a file, as the forges do: on two pages, the first
// full of other people's words.
func commentWorld(t *testing.T) (work, bin string) {
	t.Helper()
	_, err := exec.LookPath("jq")
	require.NoError(t, err, "the pipelines use jq: apt-get install jq")
	work, bin = t.TempDir(), t.TempDir()
	write(t, filepath.Join(work, "comments.json"), `[{"id":1,"body":"looks good","user":{"type":"User"}},
{"id":2,"body":"<!-- lagrum review --> quoted by a person","user":{"type":"User"},"system":true}]`)
	const keep = `
post() { jq --slurpfile new "$1" '. + [{id: 3, body: $new[0].body, user: {type: "Bot"}, system: false}]' comments.json > next && mv next comments.json; }
patch() { jq --slurpfile new "$1" --argjson id "$2" 'map(if .id == $id then .body = $new[0].body else . end)' comments.json > next && mv next comments.json; }
`
	write(t, filepath.Join(bin, "gh"), "#!/bin/bash -e"+keep+`
case "$*" in
"api --paginate repos/o/r/issues/7/comments") jq '.[:2]' comments.json; jq '.[2:]' comments.json ;;
"api --method POST repos/o/r/issues/7/comments --input "*) post "$6" ;;
"api --method PATCH repos/o/r/issues/comments/"*" --input "*) patch "$6" "${4##*/}" ;;
*) echo "gh: $*" >&2; exit 1 ;;
esac
`)
	write(t, filepath.Join(bin, "curl"), "#!/bin/bash -e"+keep+`
headers= method=GET data= url=
while (($#)); do
  case $1 in -D) headers=$2; shift ;; -X) method=$2; shift ;; --data) data=${2#@}; shift ;; -H | -o) shift ;; http*) url=$1 ;; esac
  shift
done
case "$method $url" in
"GET https://lab/projects/5/merge_requests/7/notes?per_page=100&page=1") printf 'HTTP/2 200\r\nx-next-page: 2\r\n' > "$headers"; jq '.[:2]' comments.json ;;
"GET https://lab/projects/5/merge_requests/7/notes?per_page=100&page=2") printf 'HTTP/2 200\r\nx-next-page: \r\n' > "$headers"; jq '.[2:]' comments.json ;;
"POST https://lab/projects/5/merge_requests/7/notes") post "$data" ;;
"PUT https://lab/projects/5/merge_requests/7/notes/"*) patch "$data" "${url##*/}" ;;
*) echo "curl: $method $url" >&2; exit 1 ;;
esac
`)
	return work, bin
}

// Both pipelines comment once, and update that comment and no other.
func TestOneCommentIsKept(t *testing.T) {
	for file, steps := range pipelines(t) {
		t.Run(file, func(t *testing.T) {
			work, bin := commentWorld(t)
			env := []string{"GITHUB_REPOSITORY=o/r", "REQUEST=7", "CI_API_V4_URL=https://lab", "CI_PROJECT_ID=5", "CI_MERGE_REQUEST_IID=7", "REVIEW_TOKEN=t"}
			for _, text := range []string{"first", "second"} {
				write(t, filepath.Join(work, ".lagrum/review/review.md"), "<!-- lagrum review -->\n"+text+" \"quoted\"\n")
				out, code := bash(t, work, bin, steps["Comment"], env...)
				require.Zero(t, code, out)
			}
			kept, err := os.ReadFile(filepath.Join(work, "comments.json"))
			require.NoError(t, err)
			var comments []struct {
				ID   int
				Body string
			}
			require.NoError(t, yaml.Unmarshal(kept, &comments))
			require.Len(t, comments, 3, "one of the review's, beside two of people")
			require.Equal(t, "looks good", comments[0].Body)
			require.Equal(t, "<!-- lagrum review --> quoted by a person", comments[1].Body)
			require.Equal(t, "<!-- lagrum review -->\nsecond \"quoted\"\n", comments[2].Body)
		})
	}
}

// A severe flag stops the merge until somebody answers for it; one that is not severe does not, nor does it hide a failure.
func TestVerdict(t *testing.T) {
	for file, steps := range pipelines(t) {
		for _, row := range []struct {
			code     string
			accepted bool
			exit     int
		}{{"0", false, 0}, {"2", false, 0}, {"3", false, 3}, {"3", true, 0}, {"1", false, 1}, {"1", true, 1}, {"127", true, 1}, {"", false, 1}} {
			work := t.TempDir()
			write(t, filepath.Join(work, ".lagrum/review/review.md"), "text\n")
			write(t, filepath.Join(work, ".lagrum/review/code"), row.code+"\n")
			labels := "other"
			if row.accepted {
				labels = "other,severe-accepted"
			}
			out, exit := bash(t, work, work, steps["Verdict"], "CODE="+row.code, fmt.Sprintf("ACCEPTED=%t", row.accepted), "CI_MERGE_REQUEST_LABELS="+labels)
			require.Equal(t, row.exit, exit, "%s: %+v: %s", file, row, out)
		}
	}
}
