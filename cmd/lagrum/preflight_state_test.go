package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/evidence/statebackend"
)

// projectOf is a folder with a project and the declared stack dk-prod, with more text at the end of each file.
func projectOf(t *testing.T, project, stack string) string {
	t.Helper()
	dir := t.TempDir()
	for name, more := range map[string]string{"Pulumi.yaml": project, "Pulumi.dk-prod.yaml": stack} {
		text, err := os.ReadFile(filepath.Join("../..", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), append(text, []byte("\n"+more+"\n")...), 0o600))
	}
	return dir
}

func variables(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func verdicts(findings []statebackend.Finding) map[string]statebackend.Verdict {
	said := map[string]statebackend.Verdict{}
	for _, f := range findings {
		said[f.Check] = f.Verdict
	}
	return said
}

// A production stack in a folder, with secrets that the laboratory's passphrase opens, is refused for both at once.
func TestPreflightStateRefusesAFolder(t *testing.T) {
	t.Parallel()
	dir := projectOf(t, "", "secretsprovider: base64key://aHVudGVyMg==")
	findings, err := preflightState(t.Context(), dir, "dk-prod", statebackend.Facts{},
		variables("PULUMI_BACKEND_URL", "file:///srv/state", "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS", "true"))
	require.NoError(t, err)
	said := verdicts(findings)
	for _, check := range []string{"kind of backend", "encryption of secrets", "copy before each write"} {
		assert.Equal(t, statebackend.Refused, said[check], check)
	}
	assert.Equal(t, 3, statebackend.Code(findings))
	var text strings.Builder
	require.NoError(t, statebackend.Write(&text, "dk-prod", findings))
	assert.NotContains(t, text.String(), "aHVudGVyMg", "the key itself")
}

// The laboratory's passphrase is public: a stack that it opens is as good as open.
func TestPreflightStateKnowsTheLabsPassphrase(t *testing.T) {
	t.Parallel()
	dir := projectOf(t, "", "encryptionsalt: v1:rvGwJkGJkWc=:v1:eJ8v9uow0+r7D1Ac:34wtq3fRHLas3KZKM/X41v7Trr7FPA==")
	findings, err := preflightState(t.Context(), dir, "dk-prod", statebackend.Facts{}, variables("PULUMI_BACKEND_URL", "s3://state?region=eu-west-1"))
	require.NoError(t, err)
	assert.Equal(t, statebackend.Refused, verdicts(findings)["encryption of secrets"])
}

// The environment names the backend before the project does.
func TestBackendOf(t *testing.T) {
	t.Parallel()
	dir := projectOf(t, "backend: {url: \"s3://by-project?region=eu-west-1\"}", "")
	b, err := backendOf(t.Context(), dir, variables())
	require.NoError(t, err)
	assert.Equal(t, "by-project", b.Bucket)
	b, err = backendOf(t.Context(), dir, variables("PULUMI_BACKEND_URL", "s3://by-environment?region=eu-west-1"))
	require.NoError(t, err)
	assert.Equal(t, "by-environment", b.Bucket)
}

// Without a credential the store is not asked, and that is said instead of believed; without TLS it is not asked either.
func TestPreflightStateAsksNobodyBlindly(t *testing.T) {
	t.Parallel()
	dir := projectOf(t, "", "secretsprovider: awskms:///arn:aws:kms:eu-west-1:999999999999:key/0?region=eu-west-1")
	findings, err := preflightState(t.Context(), dir, "dk-prod", statebackend.Facts{}, variables("PULUMI_BACKEND_URL", "s3://state?region=eu-west-1"))
	require.NoError(t, err)
	assert.Equal(t, statebackend.NotShown, verdicts(findings)["the store's own word"])
	assert.Equal(t, statebackend.Holds, verdicts(findings)["encryption of secrets"])
	assert.Equal(t, 2, statebackend.Code(findings))

	findings, err = preflightState(t.Context(), dir, "dk-prod", statebackend.Facts{}, variables("PULUMI_BACKEND_URL",
		"s3://state?region=eu-west-1&endpoint=http://192.0.2.1", keyIDVariable, "the-id", keyVariable, "hunter2"))
	require.NoError(t, err)
	assert.Equal(t, statebackend.Refused, verdicts(findings)["way to the store"])
	var text strings.Builder
	require.NoError(t, statebackend.Write(&text, "dk-prod", findings))
	assert.Contains(t, text.String(), "was not asked: without TLS")
	assert.NotContains(t, text.String(), "hunter2")
}

// A site that is refused and a backend that nobody names are reported together.
func TestPreflightStateReportsAllMistakes(t *testing.T) {
	t.Parallel()
	dir := projectOf(t, "", "")
	file := filepath.Join(dir, "Pulumi.dk-prod.yaml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), "country: dk", "country: xx", 1)), 0o600))
	_, err = preflightState(t.Context(), dir, "dk-prod", statebackend.Facts{}, variables("PULUMI_BACKEND_URL", "nowhere"))
	require.ErrorContains(t, err, "xx")
	require.ErrorContains(t, err, "its address has no scheme")

	_, err = preflightState(t.Context(), dir, "nl-prod", statebackend.Facts{}, variables())
	require.ErrorContains(t, err, "name the stack with --stack")
}

func TestStateTakesNoSecretByFlag(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"key", "secret", "passphrase", "backend", "credential"} {
		assert.Nil(t, stateCommand().Flags().Lookup(flag), flag)
	}
}
