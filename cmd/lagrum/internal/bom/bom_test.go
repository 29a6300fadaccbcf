package bom

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/images/lock"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
)

func bill(t *testing.T, all []images.Image, held lock.Lock) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, Write(&out, "se-prod", all, held))
	return out.String()
}

func subject() ([]images.Image, lock.Lock) {
	all := images.For(plan.Cluster{Version: "v1.36.3", EtcdTag: "3.6.5-0", PauseTag: "3.10.2", CoreDNSTag: "v1.15.0", Registry: "registry.example.org"})
	name := all.Etcd.Name()
	return []images.Image{all.Etcd, all.Dex}, lock.Lock{name: {
		Image: name, Digest: "sha256:" + strings.Repeat("1", 64), Node: "sha256:" + strings.Repeat("2", 64),
		From: "registry.example.org/etcd:3.6.5-0", At: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC),
	}}
}

func TestBill(t *testing.T) {
	t.Parallel()
	all, held := subject()
	text := bill(t, all, held)
	golden.Compare(t, "se-prod.cdx.json", text)
	slices.Reverse(all)
	assert.Equal(t, text, bill(t, append(all, all[0]), held), "neither order nor repetition changes it")
}

// The makers of the format say what a bill is.
func TestBillIsOfItsFormat(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	require.NoError(t, err)
	schemas := filepath.Join(strings.TrimSpace(string(out)), "schema")
	compiler := jsonschema.NewCompiler() // which knows no way to load anything from a network
	for _, name := range []string{"spdx.schema.json", "jsf-0.82.schemax.json", "bom-1.6.schema.json"} {
		text, err := os.ReadFile(filepath.Join(schemas, name))
		require.NoError(t, err)
		var id struct {
			ID string `json:"$id"`
		}
		require.NoError(t, json.Unmarshal(text, &id), name)
		require.NoError(t, compiler.AddResource(id.ID, bytes.NewReader(text)), name)
	}
	schema, err := compiler.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	require.NoError(t, err)
	judge := func(text string) error {
		var document any
		require.NoError(t, json.Unmarshal([]byte(text), &document))
		return schema.Validate(document)
	}
	text := bill(t, images.For(plan.Cluster{Version: "v1.36.3", EtcdTag: "1", PauseTag: "1", CoreDNSTag: "1"}).All(), nil)
	require.NoError(t, judge(text))
	for name, broken := range map[string]string{
		"a licence that nobody knows": strings.Replace(text, "Apache-2.0", "Apache-9", 1),
		"a kind that there is not":    strings.Replace(text, `"container"`, `"picture"`, 1),
	} {
		assert.NotEqual(t, text, broken)
		assert.Error(t, judge(broken), name)
	}
}
