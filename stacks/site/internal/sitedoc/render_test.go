package main

import (
	"encoding"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/lagrum/lagrum/stacks/site"
)

func TestReferenceIsCurrent(t *testing.T) {
	t.Parallel()
	text, err := render("../..")
	require.NoError(t, err)
	committed, err := os.ReadFile("../../../../docs/site.md")
	require.NoError(t, err)
	assert.Equal(t, string(committed), string(text), "run: go generate ./stacks/site")
}

func TestRun(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "site.md")
	require.NoError(t, run([]string{"../..", file}))
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	committed, err := os.ReadFile("../../../../docs/site.md")
	require.NoError(t, err)
	assert.Equal(t, string(committed), string(written))
	assert.EqualError(t, run(nil), "got 0 arguments; give the folder of the sources and the file to write")
}

// Every field needs a comment, or the reference has a hole.
func TestFieldWithoutComment(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../site.go")
	require.NoError(t, err)
	const comment = "\t// Version of Kubernetes.\n"
	require.Contains(t, string(source), comment)
	dir := t.TempDir()
	bare := strings.Replace(string(source), comment, "", 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "site.go"), []byte(bare), 0o644))
	_, err = render(dir)
	assert.EqualError(t, err, dir+": field Cluster.Version has no comment; write one")
}

func TestNoSources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := render(dir)
	assert.EqualError(t, err, "read "+dir+": file does not exist")
}

// What the reference shows as an example can be copied.
func TestExamplesAreLegal(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, s := range sectionsOf(reflect.TypeFor[site.Site](), "lagrum:site", nil) {
		for _, f := range site.Fields(s.typ) {
			field, _ := s.typ.FieldByName(f.Name)
			value, ok := reflect.New(field.Type).Interface().(encoding.TextUnmarshaler)
			if !ok {
				continue
			}
			if f.Example == "" && field.Type == reflect.TypeFor[site.Certificates]() {
				continue // it would fill a page
			}
			var text string
			require.NoError(t, yaml.Unmarshal([]byte(f.Example), &text), "%s.%s", s.typ.Name(), f.Name)
			assert.NoError(t, value.UnmarshalText([]byte(text)), "%s.%s", s.typ.Name(), f.Name)
			tried++
		}
	}
	assert.Greater(t, tried, 40)
}
