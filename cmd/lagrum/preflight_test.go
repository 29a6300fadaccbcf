package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCredentialsFrom(t *testing.T) {
	t.Parallel()
	from := func(variables map[string]string) func(string) (string, bool) {
		return func(name string) (string, bool) {
			value, ok := variables[name]
			return value, ok
		}
	}
	found, err := credentialsFrom(from(map[string]string{"AWS_ACCESS_KEY_ID": "the-id", "AWS_SECRET_ACCESS_KEY": "the-key"}))
	require.NoError(t, err)
	assert.Equal(t, "the-id", found.KeyID.Reveal())
	assert.Equal(t, "the-key", found.Key.Reveal())

	_, err = credentialsFrom(from(map[string]string{"AWS_SECRET_ACCESS_KEY": ""}))
	assert.EqualError(t, err, "AWS_ACCESS_KEY_ID: not set; export it, or read it from a file into the environment\n"+
		"AWS_SECRET_ACCESS_KEY: not set; export it, or read it from a file into the environment")
}

// No flag takes a secret: every user of the machine would see it in the list of processes.
func TestPreflightTakesNoSecretByFlag(t *testing.T) {
	t.Parallel()
	cmd := objectLockCommand()
	var help bytes.Buffer
	cmd.SetOut(&help)
	require.NoError(t, cmd.Usage())
	for _, word := range []string{"--access", "--secret", "--key", "--credential"} {
		assert.NotContains(t, help.String(), word)
	}
}
