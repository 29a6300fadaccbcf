package stacks

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/images/lock"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
	"github.com/lagrum/lagrum/tests/locked"
)

// pulled is what a declared stack pulls, with the digests that tests give it.
func pulled(t *testing.T, name string) []images.Image {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", "Pulumi."+name+".yaml"))
	require.NoError(t, err)
	p, _, err := plan.OfStack(text, at)
	require.NoError(t, err)
	require.Empty(t, images.Pin(&p, locked.For(p.Cluster).Digests()))
	return images.Deployed(&p)
}

// used finds the images of an object of Kubernetes: those of containers of every kind, at whatever depth, and of volumes that
// are images.
func used(value any) []string {
	var found []string
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			image, is := inner.(string)
			volume, _ := harness.Dig(inner, "reference").(string)
			switch {
			case key == "image" && is:
				found = append(found, image)
			case key == "image" && volume != "":
				found = append(found, volume)
			}
			found = append(found, used(inner)...)
		}
	case []any:
		for _, inner := range v {
			found = append(found, used(inner)...)
		}
	}
	return found
}

// reference is a whole image name with its tag or digest, wherever it stands in a text: a ConfigMap, a script, a file of a node.
var reference = regexp.MustCompile(`(?:[a-z0-9-]+\.)+[a-z]+(?::[0-9]+)?(?:/[a-z0-9][a-z0-9._-]*)+(?::[A-Za-z0-9_][A-Za-z0-9._-]*)?@sha256:[0-9a-f]{64}|` +
	`(?:[a-z0-9-]+\.)+[a-z]+(?::[0-9]+)?(?:/[a-z0-9][a-z0-9._-]*)+:v?[0-9][A-Za-z0-9._-]*`)

// strangers are the images of a resource that are not of the catalogue, or not written as it writes them. Containers have
// the digest; a node's own files name what kubeadm and the container runtime pull, by tag.
func strangers(made *harness.Resource, known []images.Image) []string {
	var found []string
	containers := used(made.Inputs)
	for _, image := range containers {
		if !slices.ContainsFunc(known, func(i images.Image) bool { return i.Ref() == image }) {
			found = append(found, image)
		}
	}
	for _, text := range made.Texts() {
		for _, name := range reference.FindAllString(text, -1) {
			if slices.Contains(containers, name) {
				continue // judged above
			}
			if !slices.ContainsFunc(known, func(i images.Image) bool { return i.Ref() == name || i.Tagged() == name }) {
				found = append(found, name)
			}
		}
	}
	return found
}

// No image runs that is not a row of the catalogue, from the declared mirror and with its digest. In the laboratory nothing
// has one. Every row that a stack is said to pull stands somewhere, those that kubeadm pulls excepted.
func TestEveryImageIsOfTheCatalogue(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, name string, r *harness.Recording) {
		known := pulled(t, name)
		mirror := siteOf(t, name)["registry"].(string)
		unseen := map[string]bool{}
		for _, image := range known {
			require.True(t, strings.HasPrefix(image.Ref(), mirror+"/"), image.Ref())
			require.Equal(t, name != "dev", strings.Contains(image.Ref(), "@sha256:"), image.Ref())
			unseen[image.Tagged()] = true
		}
		for _, made := range r.Resources {
			require.Empty(t, strangers(made, known), made.URN)
			for _, text := range append(made.Texts(), used(made.Inputs)...) {
				for _, found := range reference.FindAllString(text, -1) {
					tagged, _, _ := strings.Cut(found, "@")
					delete(unseen, tagged)
				}
			}
		}
		hidden := []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} // tests/kubeadm asks kubeadm which it pulls
		if strings.HasSuffix(t.Name(), "/preview") {
			hidden = append(hidden, "pause") // it stands in user-data, which no preview knows
		}
		maps.DeleteFunc(unseen, func(tagged string, _ bool) bool {
			name, _, _ := strings.Cut(path.Base(tagged), ":")
			return slices.Contains(hidden, name)
		})
		require.Empty(t, unseen, "the catalogue says that the stack pulls it")
	})
}

// The policy is worth what it finds: each place in which an image can hide is tried with a stranger.
func TestTheCataloguesPolicyFindsAStranger(t *testing.T) {
	t.Parallel()
	known := pulled(t, "se-prod")
	sound := known[0].Ref()
	const stranger = "registry.example.org/mirror/miner:v1"
	container := func(image string) map[string]any { return map[string]any{"name": "x", "image": image} }
	pod := func(kind string, what any) map[string]any {
		return map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
			"containers": []any{container(sound)}, kind: what,
		}}}}
	}
	for where, inputs := range map[string]map[string]any{
		"initContainers":      pod("initContainers", []any{container(stranger)}),
		"ephemeralContainers": pod("ephemeralContainers", []any{container(stranger)}),
		"volumes":             pod("volumes", []any{map[string]any{"name": "x", "image": map[string]any{"reference": stranger}}}),
		"a ConfigMap":         {"data": map[string]any{"pod.yaml": "containers:\n- image: " + stranger + "\n"}},
		"a static pod":        {"userData": "#cloud-config\nwrite_files:\n- path: /etc/kubernetes/manifests/x.yaml\n  content: 'image: " + stranger + "'\n"},
		"an argument":         pod("args", []any{"--helper-image=" + stranger}),
		"another digest":      pod("initContainers", []any{container(known[0].Tagged() + "@" + locked.Digest("another"))}),
		"no digest":           pod("initContainers", []any{container(known[0].Tagged())}),
		"upstream":            pod("initContainers", []any{container(known[0].Name())}),
		"a short name":        pod("initContainers", []any{container("busybox")}),
	} {
		made := &harness.Resource{Inputs: inputs, Raw: harness.Properties(inputs)}
		assert.NotEmpty(t, strangers(made, known), where)
	}
	clean := pod("initContainers", []any{container(sound)})
	assert.Empty(t, strangers(&harness.Resource{Inputs: clean, Raw: harness.Properties(clean)}, known))
}

// What containers of a stack are given once the lock file has digests. These are the tests' own, so that the file says of each
// what it was made from.
func TestReferencesWithDigests(t *testing.T) {
	t.Parallel()
	r := run(t, "se-prod", declared(t)["se-prod"], false)
	var lines []string
	for _, made := range r.Resources {
		found := used(made.Inputs)
		slices.Sort(found)
		for _, image := range slices.Compact(found) {
			lines = append(lines, made.Name+"  "+image+"\n")
		}
	}
	text := strings.Join(lines, "")
	for _, image := range pulled(t, "se-prod") {
		text = strings.ReplaceAll(text, image.Digest, "<digest of "+image.Name()+">")
	}
	require.NotContains(t, text, "sha256:")
	golden.Compare(t, "se-prod.images.txt", text)
}

// refusal runs a stack whose lock file is the repository's own but for an edit.
func refusal(stack string, config map[string]string, preview bool, edit func(lock.Lock)) (*harness.Recording, error) {
	program := stackAt()
	program.Lock = func(string) (lock.Lock, error) {
		held, err := lock.Load("../..")
		if err == nil {
			edit(held)
		}
		return held, err
	}
	return harness.Record(program.Run, harness.Options{Stack: stack, Preview: preview, Config: config, Secrets: credentials()})
}

// unpinned is the lock file before anybody asked a registry.
func unpinned(held lock.Lock) {
	for name := range held {
		held[name] = lock.Row{Image: name, Unresolved: true}
	}
}

// Without digests every declared stack can be previewed, and says what an update will be refused for; the update of one on
// which patients depend is refused before its first resource. The laboratory goes on.
func TestNoUpdateWithoutDigests(t *testing.T) {
	t.Parallel()
	for name, config := range declared(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := refusal(name, config, true, unpinned)
			require.NoError(t, err)
			require.NotEmpty(t, r.Resources)
			said := strings.Join(r.Log, "\n")
			r, err = refusal(name, config, false, unpinned)
			if name == "dev" {
				require.NoError(t, err)
				require.NotContains(t, said, lock.Name)
				return
			}
			require.Error(t, err)
			require.Empty(t, r.Resources)
			for _, image := range images.Names(pulled(t, name)) {
				require.ErrorContains(t, err, image)
			}
			require.ErrorContains(t, err, fmt.Sprintf("the update of stack %s is refused:\nimages.lock.yaml: %d images are without a digest", name, len(pulled(t, name))))
			require.ErrorContains(t, err, "[EU-NIS2-21-2-d]")
			_, message, _ := strings.Cut(err.Error(), "is refused:\n")
			require.Contains(t, said, "an update is refused as things are:\n"+strings.TrimSpace(message))
		})
	}
}

// One image is enough to refuse; one that the stack does not pull is not.
func TestOneDigestThatIsMissing(t *testing.T) {
	t.Parallel()
	without := func(name string) func(lock.Lock) {
		return func(l lock.Lock) {
			all, err := locked.Beside("../..")("")
			require.NoError(t, err)
			for image, row := range all {
				l[image] = row
			}
			l[name] = lock.Row{Image: name, Unresolved: true}
		}
	}
	config := declared(t)["se-prod"]
	const coreDNS, ebs = "registry.k8s.io/coredns/coredns:v1.15.0", "public.ecr.aws/ebs-csi-driver/aws-ebs-csi-driver:v1.61.1"
	_, err := refusal("se-prod", config, false, without(coreDNS))
	require.ErrorContains(t, err, "images.lock.yaml: 1 image is without a digest, so that a registry may give other bytes tomorrow: "+coreDNS+";")
	_, err = refusal("se-prod", config, false, without(ebs))
	require.NoError(t, err)
}

// A dated waiver lets the update through, and is told in it.
func TestWaivedDigests(t *testing.T) {
	t.Parallel()
	config := edited(t, "se-prod", func(site map[string]any) {
		site["waivers"] = []any{map[string]any{"requirement": "EU-NIS2-21-2-d", "reason": "The mirror is being moved.", "owner": "Head of security", "until": "2026-04-30"}}
	})
	r, err := refusal("se-prod", config, false, unpinned)
	require.NoError(t, err)
	require.NotEmpty(t, r.Resources)
	require.Contains(t, strings.Join(r.Log, "\n"), "waived until 2026-04-30 by Head of security (The mirror is being moved.): images.lock.yaml: ")
}

// A lock file that cannot be read stops a preview as well: it may say something else than it seems to.
func TestBrokenLockFile(t *testing.T) {
	t.Parallel()
	program := stackAt()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, lock.Name), []byte("images: [{image: etcd}]"), 0o600))
	program.Lock = func(string) (lock.Lock, error) { return lock.Load(dir) }
	r, err := harness.Record(program.Run, harness.Options{Stack: "se-prod", Preview: true, Config: declared(t)["se-prod"], Secrets: credentials()})
	require.ErrorContains(t, err, "images.lock.yaml has mistakes")
	require.Empty(t, r.Resources)
}
