package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/images/declared"
	"github.com/lagrum/lagrum/components/images/lock"
	"github.com/lagrum/lagrum/stacks/plan"
)

// laggard is the image that the test's mirror gets last.
const laggard = "registry.k8s.io/etcd:3.6.5-0"

// planOf is what lagrum plan decides of the project's stack, and what it warns of.
func planOf(t *testing.T, project string) (decided plan.Plan, warned string) {
	t.Helper()
	var out, warnings bytes.Buffer
	cmd := root()
	cmd.SetOut(&out)
	cmd.SetErr(&warnings)
	cmd.SetArgs([]string{"plan", filepath.Join(project, "Pulumi.se-prod.yaml")})
	require.NoError(t, cmd.ExecuteContext(t.Context()))
	require.NoError(t, json.Unmarshal(out.Bytes(), &decided))
	return decided, warnings.String()
}

// A mirror that holds what a stack pulls is asked, the file written, and the stack's plan then names the digests.
func TestImages(t *testing.T) {
	t.Parallel()
	project := t.TempDir()
	for _, file := range []string{"Pulumi.yaml", "Pulumi.se-prod.yaml"} {
		text, err := os.ReadFile(filepath.Join("../..", file))
		require.NoError(t, err)
		text = bytes.ReplaceAll(text, []byte("2027-06-30"), []byte("2099-12-31")) // the certificate's end: the command goes by the clock
		require.NoError(t, os.WriteFile(filepath.Join(project, file), text, 0o600))
	}
	set, err := declared.Read(project, "", time.Now().UTC())
	require.NoError(t, err)
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	mirror := strings.TrimPrefix(server.URL, "http://") + "/care"
	push := func(image string) string {
		made, err := random.Image(64, 1)
		require.NoError(t, err)
		tag, err := name.NewTag(mirror + image[strings.LastIndex(image, "/"):])
		require.NoError(t, err)
		require.NoError(t, remote.Write(tag, made))
		digest, err := made.Digest()
		require.NoError(t, err)
		return digest.String()
	}
	digests := map[string]string{}
	for _, image := range set.Images {
		if image.Name() != laggard {
			digests[image.Name()] = push(image.Name())
		}
	}

	table, _, code := lagrum(t, "-C", project, "images")
	require.Zero(t, code)
	assert.Equal(t, len(set.Images), strings.Count(table, "unresolved"))
	assert.Contains(t, table, "IMAGE ")
	none, err := lock.Load(project)
	require.NoError(t, err)
	assert.Empty(t, none, "listing writes nothing")

	out, said, code := lagrum(t, "-C", project, "images", "resolve", "--registry", mirror)
	require.Equal(t, 1, code)
	require.Contains(t, said, fmt.Sprintf("1 of %d images were not answered for:\n%s stays unresolved: ", len(set.Images), laggard))
	require.Contains(t, said, "has no such tag")
	assert.Contains(t, out, laggard+"  kept as it was, see below\n")
	held, err := lock.Load(project)
	require.NoError(t, err)
	assert.Equal(t, digests, held.Digests())
	assert.True(t, held[laggard].Unresolved)
	_, warned := planOf(t, project)
	assert.Contains(t, warned, "an update is refused as things are: images.lock.yaml: 1 image is without a digest")

	digests[laggard] = push(laggard)
	_, said, code = lagrum(t, "-C", project, "images", "resolve", "--registry", mirror, "--stack", "se-prod")
	require.Zero(t, code, said)
	p, warned := planOf(t, project)
	assert.Equal(t, digests, p.Cluster.Digests)
	assert.NotContains(t, warned, lock.Name)

	bill, said, code := lagrum(t, "-C", project, "images", "sbom", "--stack", "se-prod")
	require.Zero(t, code, said)
	assert.Contains(t, bill, "pkg:oci/etcd@"+strings.ReplaceAll(digests[laggard], ":", "%3A"))
	assert.NotContains(t, bill, "unresolved")

	moved := push(laggard)
	_, said, code = lagrum(t, "-C", project, "images", "resolve", "--registry", mirror)
	require.Equal(t, 1, code)
	require.Contains(t, said, laggard+" keeps its digest: the tag has moved: ")
	_, said, code = lagrum(t, "-C", project, "images", "resolve", "--registry", mirror, "--accept-moved")
	require.Zero(t, code, said)
	held, err = lock.Load(project)
	require.NoError(t, err)
	assert.Equal(t, moved, held[laggard].Digest)
}

func TestImagesOfNoStack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-C", "../..", "--stack", "se-pord"}, "no stack is declared there; write its site into Pulumi.se-pord.yaml"},
		{[]string{"-C", "../..", "--stack", "dev"}, "a laboratory pulls no image"},
		{[]string{"-C", "/"}, "no Pulumi.yaml here or above"},
	} {
		_, said, code := lagrum(t, append([]string{"images"}, tt.args...)...)
		require.Equal(t, 1, code)
		require.Contains(t, said, tt.want)
	}
}
