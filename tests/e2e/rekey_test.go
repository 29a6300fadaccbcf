//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEncryptionKeyRotates changes the key of etcd's encryption as docs/runbooks/encryption-key.md says: a lone control plane
// goes through all its steps.
func TestEncryptionKeyRotates(t *testing.T) {
	before := snapshot(t, "keys")
	w := newWorld(t, "keys", func(site map[string]any) {
		pool(site, "workers")["count"] = 0
		delete(site["identity"].(map[string]any), "login") // a login wants a worker that the gateway leads to
	})
	t.Cleanup(func() {
		w.lagrum(t, 5*time.Minute, "lab", "down")
		requireNothingLeft(t, "keys", before)
	})
	step(t, "up", func(t *testing.T) {
		w.lagrum(t, 60*time.Minute, "lab", "up")
		w.enter(t)
		w.kubectl(t, "-n", "default", "create", "secret", "generic", "one", "--from-literal=value=of-one")
	})
	old := w.keyOf(t, "cp-1-g1", "one")
	declare := func(t *testing.T, replacements []any, steps ...any) {
		t.Helper()
		w.edit(t, func(site map[string]any) {
			pool(site, "cp")["replacements"], cluster(site)["encryption"] = replacements, steps
		})
		w.pulumi(t, "up", "--yes", "--skip-preview")
	}
	first := map[string]any{"writes": 1}
	reads := map[string]any{"writes": 1, "reads": []any{2}}
	writes := map[string]any{"writes": 2, "reads": []any{1}, "after": 1}
	gone := map[string]any{"writes": 2, "after": 2}
	step(t, "the runbook's commands exist", w.runbookCommandsExist)
	step(t, "the next key is read with", func(t *testing.T) {
		declare(t, []any{1}, first, reads)
		require.Equal(t, []string{"cp-1-g2"}, w.names(t, "nodes", "-l", "lagrum.dev/encryption-keys=1-2"))
		w.kubectl(t, "-n", "default", "create", "secret", "generic", "two", "--from-literal=value=of-two")
		require.Equal(t, old, w.keyOf(t, "cp-1-g2", "two"), "it does not write yet")
	})
	step(t, "a step too many is refused before anything happens", func(t *testing.T) {
		w.edit(t, func(site map[string]any) {
			cluster(site)["encryption"] = []any{first, reads, map[string]any{"writes": 2, "after": 1}}
		})
		r := w.try(t, 5*time.Minute, "pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", w.name)
		require.NotZero(t, r.code, r.out)
		require.Contains(t, r.out, "drops key 1, and what that wrote is not written anew")
	})
	step(t, "it writes, and everything is written anew", func(t *testing.T) {
		declare(t, []any{1, 1}, first, reads, writes)
		require.Equal(t, []string{"cp-1-g3"}, w.names(t, "nodes", "-l", "lagrum.dev/encryption-keys=2-1"))
		require.NotEqual(t, old, w.keyOf(t, "cp-1-g3", "one"))
		w.nothingUnder(t, "cp-1-g3", old)
		t.Log(w.kubectl(t, "-n", "kube-system", "logs", "job/encryption-2-1"))
	})
	step(t, "the old key goes", func(t *testing.T) {
		declare(t, []any{1, 1, 1}, first, reads, writes, gone)
		require.Equal(t, []string{"cp-1-g4"}, w.names(t, "nodes", "-l", "lagrum.dev/encryption-keys=2"))
		declare(t, []any{1, 1, 1}, map[string]any{"writes": 2})
		w.nothingUnder(t, "cp-1-g4", old)
		for _, r := range w.resources(t) {
			require.False(t, strings.HasSuffix(r.URN, "::dev-pki-encryption"), "the key is not kept: %s", r.URN)
		}
		require.Equal(t, "b2Ytb25l", w.kubectl(t, "-n", "default", "get", "secret", "one", "-o", "jsonpath={.data.value}"))
		require.Equal(t, "b2YtdHdv", w.kubectl(t, "-n", "default", "get", "secret", "two", "-o", "jsonpath={.data.value}"))
	})
	step(t, "an unchanged site has nothing to do", w.unchanged)
}

// runbookCommandsExist asks each command of the runbook for its help, which has to name every flag that the runbook uses.
func (w *world) runbookCommandsExist(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(checkout, "docs/runbooks/encryption-key.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, blocks)
	var commands []string
	for _, block := range blocks {
		commands = append(commands, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	for _, m := range regexp.MustCompile("`((?:pulumi|kubectl) [^`]+)`").FindAllStringSubmatch(string(text), -1) {
		commands = append(commands, m[1])
	}
	for _, command := range commands {
		words := strings.Fields(command)
		r := w.try(t, time.Minute, words[0], append(words[1:], "--help")...)
		require.Zero(t, r.code, "%s\n%s", command, r.out)
		require.NotContains(t, r.out, "unknown command", command)
		for _, word := range words {
			if strings.HasPrefix(word, "--") && word != "--namespace" { // one of kubectl's own, which its help does not repeat
				require.Contains(t, r.out, word, command)
			}
		}
	}
}

// keyOf is the name of the key that a Secret of the namespace default lies in etcd under.
func (w *world) keyOf(t *testing.T, node, secret string) string {
	t.Helper()
	found := keyName.FindStringSubmatch(w.etcdctl(t, node, "get", "/registry/secrets/default/"+secret))
	require.NotNil(t, found, "%s lies in etcd in clear", secret)
	return found[1]
}

// nothingUnder reads all that is encrypted out of etcd itself.
func (w *world) nothingUnder(t *testing.T, node, key string) {
	t.Helper()
	for _, prefix := range []string{"/registry/secrets/", "/registry/configmaps/"} {
		raw := w.etcdctl(t, node, "get", "--prefix", prefix)
		assert.NotContains(t, raw, key)
		keys := strings.Fields(w.etcdctl(t, node, "get", "--prefix", "--keys-only", prefix))
		assert.NotEmpty(t, keys)
		assert.Equal(t, len(keys), strings.Count(raw, "k8s:enc:secretbox:v1:key-"), "nothing lies there in clear")
	}
}
