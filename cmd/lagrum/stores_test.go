package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStores(t *testing.T) {
	t.Parallel()
	for file, want := range map[string][]string{
		"../../Pulumi.se-prod.yaml": {"User `se-prod-backup-velero`, keys `lagrum:backupVeleroID` and `lagrum:backupVeleroSecret`", `"s3:DeleteObjectVersion"`, "Administrator at https://s3.got-1.example.org"},
		"../../Pulumi.se-dr.yaml":   {"Bucket `se-prod-backup` at https://s3.got-1.example.org, made by stack se-prod."},
		"../../Pulumi.dk-prod.yaml": {"Bucket `dk-prod-backup-210987654321` on AWS, region eu-central-1: the program makes its users and keys."},
		"../../Pulumi.dev.yaml":     {"The site names no place for a store."},
	} {
		cmd := storesCommand()
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetErr(&bytes.Buffer{})
		cmd.SetArgs([]string{file})
		require.NoError(t, cmd.Execute(), file)
		for _, text := range want {
			assert.Contains(t, out.String(), text, file)
		}
	}
}
