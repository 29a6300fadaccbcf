package architecture

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(text)
}

var adrName = regexp.MustCompile(`^(\d{4})-[a-z0-9-]+\.md$`)

func TestDecisionsAreNumberedDatedAndShort(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join(root, "docs/decisions"))
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	for i, e := range entries {
		m := adrName.FindStringSubmatch(e.Name())
		require.NotNil(t, m, "docs/decisions/%s: name it NNNN-title.md", e.Name())
		require.Equal(t, fmt.Sprintf("%04d", i+1), m[1], "docs/decisions/%s: numbers run without gaps", e.Name())
		text := read(t, "docs/decisions/"+e.Name())
		require.True(t, strings.HasPrefix(text, fmt.Sprintf("# %d. ", i+1)), "%s: starts with its number and title", e.Name())
		for _, want := range []string{"\nDate: 20", "## Context", "## Decision", "## Consequences"} {
			require.Contains(t, text, want, e.Name())
		}
		require.LessOrEqual(t, strings.Count(text, "\n"), 60, "%s: a decision is short", e.Name())
	}
}

// direct lists the direct requirements of go.mod.
func direct(t *testing.T) []string {
	t.Helper()
	var found []string
	scan := bufio.NewScanner(strings.NewReader(read(t, "go.mod")))
	inside := false
	for scan.Scan() {
		line := strings.TrimSpace(scan.Text())
		switch {
		case line == "require (":
			inside = true
		case line == ")":
			inside = false
		case inside && line != "" && !strings.HasSuffix(line, "// indirect"):
			found = append(found, strings.Fields(line)[0])
		}
	}
	return found
}

func TestEveryDependencyHasItsLine(t *testing.T) {
	table := read(t, "docs/decisions/0013-dependencies.md")
	modules := direct(t)
	require.NotEmpty(t, modules)
	for _, m := range modules {
		require.Contains(t, table, m, "docs/decisions/0013-dependencies.md: say why we depend on %s, its licence and who keeps it", m)
	}
}

var makeTarget = regexp.MustCompile(`(?m)^([a-z0-9-]+):.*## `)

// Every `make x` and `lagrum y` that a document tells a reader to run exists.
func TestDocumentedCommandsExist(t *testing.T) {
	targets := map[string]bool{}
	for _, m := range makeTarget.FindAllStringSubmatch(read(t, "Makefile"), -1) {
		targets[m[1]] = true
	}
	require.NotEmpty(t, targets)
	verbs := map[string]bool{}
	sources, err := filepath.Glob(filepath.Join(root, "cmd/lagrum/*.go"))
	require.NoError(t, err)
	for _, source := range sources {
		text, err := os.ReadFile(source)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`Use: +"([a-z]+)`).FindAllStringSubmatch(string(text), -1) {
			verbs[m[1]] = true
		}
		for _, m := range regexp.MustCompile(`labVerb\("([a-z]+)`).FindAllStringSubmatch(string(text), -1) {
			verbs[m[1]] = true
		}
	}
	require.True(t, verbs["lab"] && verbs["up"] && verbs["doctor"], "the verbs of cmd/lagrum are no longer found: %v", verbs)
	documents, err := filepath.Glob(filepath.Join(root, "docs/*.md"))
	require.NoError(t, err)
	runbooks, err := filepath.Glob(filepath.Join(root, "docs/runbooks/*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, runbooks)
	documents = append(append(documents, runbooks...), filepath.Join(root, "README.md"))
	command := regexp.MustCompile("(?m)(?:^|`)make ([a-z0-9-]+)")
	companion := regexp.MustCompile(`bin/lagrum (?:lab )?([a-z]+)`)
	for _, d := range documents {
		text, err := os.ReadFile(d)
		require.NoError(t, err)
		for _, m := range command.FindAllStringSubmatch(string(text), -1) {
			require.True(t, targets[m[1]], "%s: there is no `make %s`", filepath.Base(d), m[1])
		}
		for _, m := range companion.FindAllStringSubmatch(string(text), -1) {
			require.True(t, verbs[m[1]], "%s: there is no `%s`", filepath.Base(d), m[0])
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

func TestDocumentLinksLeadSomewhere(t *testing.T) {
	var documents []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".md") && !strings.Contains(path, "/node_modules/") {
			documents = append(documents, path)
		}
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, documents)
	for _, d := range documents {
		text, err := os.ReadFile(d)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			_, err := os.Stat(filepath.Join(filepath.Dir(d), m[1]))
			require.NoError(t, err, "%s links to %s", d, m[1])
		}
	}
}
