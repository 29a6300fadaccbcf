//go:build e2e

package e2e

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/access"
)

// withPeople gives the site somebody for each persona; the pipeline deploys for one of its tenants.
func withPeople(site map[string]any) {
	site["identity"].(map[string]any)["login"].(map[string]any)["pipelines"] = []any{map[string]any{
		"name": "ci", "issuer": "https://ci.lab.lagrum", "audience": "lab", "subjects": []any{"main"}, "tenants": []any{"ward"},
	}}
	site["access"] = map[string]any{
		"operators": []any{"operators"}, "securityOfficers": []any{"officers"}, "auditors": []any{"auditors"}, "breakGlass": []any{"emergency"},
	}
}

// personasHold asks the cluster the whole table of who may do what.
func (w *world) personasHold(t *testing.T) {
	text, err := os.ReadFile(w.stackFile())
	require.NoError(t, err)
	p, _, err := plan.OfStack(text, time.Now())
	require.NoError(t, err)
	tenant := p.Tenants[slices.IndexFunc(p.Tenants, func(t plan.Tenant) bool { return len(t.Pipelines) > 0 })]
	cells := access.Cells(tenant)
	answers, err := access.Ask(&p, tenant, cells, func(input string, args ...string) (string, error) {
		file := filepath.Join(t.TempDir(), "reviews.json")
		if err := os.WriteFile(file, []byte(input), 0o600); err != nil {
			return "", err
		}
		args[slices.Index(args, "-")] = file
		return w.kubectl(t, args...), nil
	})
	require.NoError(t, err)
	for i, answer := range answers {
		assert.Equal(t, cells[i].Want, answer, cells[i])
	}
	t.Logf("%d answers", len(answers))
}

var inConfig = regexp.MustCompile(`client-certificate-data: (\S+)`)

// nobodyIsMaster looks at every certificate on the nodes: none is of the group that no rule binds.
func (w *world) nobodyIsMaster(t *testing.T) {
	for _, node := range w.names(t, "nodes") {
		text, err := w.inside(t, node, `find /etc/kubernetes /var/lib/kubelet /etc/lagrum -type f \( -name '*.conf' -o -name '*.crt' -o -name '*.pem' -o -name '*.yaml' \) -exec cat {} + 2>/dev/null || true`)
		require.NoError(t, err, node)
		rest := []byte(text)
		for _, found := range inConfig.FindAllStringSubmatch(text, -1) {
			decoded, err := base64.StdEncoding.DecodeString(found[1])
			require.NoError(t, err)
			rest = append(rest, decoded...)
		}
		seen := 0
		for {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			if block.Type != "CERTIFICATE" {
				continue
			}
			certificate, err := x509.ParseCertificate(block.Bytes)
			require.NoError(t, err)
			seen++
			assert.NotContains(t, certificate.Subject.Organization, "system:masters", "%s: %s", node, certificate.Subject)
		}
		assert.GreaterOrEqual(t, seen, 2, node)
		t.Logf("%s: %d certificates", node, seen)
	}
}
