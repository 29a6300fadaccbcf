package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/images/lock"
)

// at is when the tests ask.
var at = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// house is a registry that serves the distribution protocol on loopback, with a gate before it.
type house struct {
	address string
	// gate answers in the registry's place where it says so.
	gate func(w http.ResponseWriter, r *http.Request) (answered bool)
}

func serve(t *testing.T) *house {
	t.Helper()
	h := &house{gate: func(http.ResponseWriter, *http.Request) bool { return false }}
	behind := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.gate(w, r) {
			behind.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	h.address = strings.TrimPrefix(server.URL, "http://")
	return h
}

// push gives a tag to an index with one image for each platform, and returns the index's digest and that of linux/amd64.
func (h *house) push(t *testing.T, repository string, platforms ...v1.Platform) (index, node string) {
	t.Helper()
	var made v1.ImageIndex = empty.Index
	for _, platform := range platforms {
		image, err := random.Image(64, 1)
		require.NoError(t, err)
		made = mutate.AppendManifests(made, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &platform}})
		if platform.Architecture == "amd64" {
			digest, err := image.Digest()
			require.NoError(t, err)
			node = digest.String()
		}
	}
	require.NoError(t, remote.WriteIndex(h.tag(t, repository), made))
	digest, err := made.Digest()
	require.NoError(t, err)
	return digest.String(), node
}

func (h *house) tag(t *testing.T, repository string) name.Tag {
	t.Helper()
	tag, err := name.NewTag(h.address + "/" + repository)
	require.NoError(t, err)
	return tag
}

var (
	amd64 = v1.Platform{OS: "linux", Architecture: "amd64"}
	arm64 = v1.Platform{OS: "linux", Architecture: "arm64"}
)

// run resolves images, named as in the registry, and gives the lock and what each problem says, by image.
func (h *house) run(t *testing.T, held lock.Lock, edit func(*Request), repositories ...string) (lock.Lock, map[string]string) {
	t.Helper()
	r := Request{Client: Client{Limit: 20 * time.Second}, At: at, Progress: io.Discard}
	for _, repository := range repositories {
		r.Images = append(r.Images, h.address+"/"+repository)
	}
	if edit != nil {
		edit(&r)
	}
	now, problems, err := Resolve(t.Context(), held, r)
	require.NoError(t, err)
	said := map[string]string{}
	for _, p := range problems {
		said[strings.TrimPrefix(p.Image, h.address+"/")] = p.Err.Error()
	}
	return now, said
}

func TestResolve(t *testing.T) {
	t.Parallel()
	h := serve(t)
	index, node := h.push(t, "makers/etcd:3.6.5-0", arm64, amd64)
	single, err := random.Image(64, 1)
	require.NoError(t, err)
	require.NoError(t, remote.Write(h.tag(t, "makers/pause:3.10.2"), single))
	digest, err := single.Digest()
	require.NoError(t, err)

	var progress bytes.Buffer
	now, said := h.run(t, nil, func(r *Request) { r.Progress = &progress }, "makers/etcd:3.6.5-0", "makers/pause:3.10.2")
	assert.Empty(t, said)
	etcd, pause := h.address+"/makers/etcd:3.6.5-0", h.address+"/makers/pause:3.10.2"
	assert.Equal(t, lock.Lock{
		etcd:  {Image: etcd, Digest: index, Node: node, From: etcd, At: at},
		pause: {Image: pause, Digest: digest.String(), From: pause, At: at},
	}, now)
	assert.Contains(t, progress.String(), etcd+"  "+index+"\n")

	// Asked again later, nothing changes: not the time either.
	again, said := h.run(t, now, func(r *Request) { r.At = at.Add(time.Hour) }, "makers/etcd:3.6.5-0", "makers/pause:3.10.2")
	assert.Empty(t, said)
	assert.Equal(t, now, again)

	// What was written is read again, and a container runtime can pull by it.
	dir := t.TempDir()
	require.NoError(t, now.Save(dir))
	read, err := lock.Load(dir)
	require.NoError(t, err)
	assert.Equal(t, now, read)
	ref, err := name.NewDigest(h.address + "/makers/etcd@" + read[etcd].Digest)
	require.NoError(t, err)
	_, err = remote.Index(ref)
	require.NoError(t, err)
}

// A mirror is asked by the name that it gives an image, and the answer stands under the makers' name.
func TestResolveFromAMirror(t *testing.T) {
	t.Parallel()
	h := serve(t)
	index, node := h.push(t, "mirror/etcd:3.6.5-0", amd64)
	now, problems, err := Resolve(t.Context(), nil, Request{
		Client: Client{Limit: 20 * time.Second}, Images: []string{"registry.k8s.io/etcd:3.6.5-0"}, Registry: h.address + "/mirror", At: at, Progress: io.Discard,
	})
	require.NoError(t, err)
	require.Empty(t, problems)
	const image = "registry.k8s.io/etcd:3.6.5-0"
	assert.Equal(t, lock.Lock{image: {Image: image, Digest: index, Node: node, From: h.address + "/mirror/etcd:3.6.5-0", At: at}}, now)
}

// Other bytes under an old tag are refused, with both digests, until somebody takes them over.
func TestMovedTag(t *testing.T) {
	t.Parallel()
	h := serve(t)
	old, _ := h.push(t, "dex:v2", amd64)
	held, said := h.run(t, nil, nil, "dex:v2")
	require.Empty(t, said)
	moved, node := h.push(t, "dex:v2", amd64)
	require.NotEqual(t, old, moved)

	now, said := h.run(t, held, nil, "dex:v2")
	assert.Equal(t, held, now, "the old digest stays")
	assert.Equal(t, fmt.Sprintf("the tag has moved: %[1]s/dex:v2 on 2026-11-25 was %[2]s, and now %[1]s/dex:v2 answers %[3]s; find out why, and then say --accept-moved",
		h.address, old, moved), said["dex:v2"])

	now, said = h.run(t, held, func(r *Request) { r.AcceptMoved, r.At = true, at.Add(time.Hour) }, "dex:v2")
	assert.Empty(t, said)
	assert.Equal(t, lock.Row{Image: h.address + "/dex:v2", Digest: moved, Node: node, From: h.address + "/dex:v2", At: at.Add(time.Hour)}, now[h.address+"/dex:v2"])
}

// What cannot be asked keeps what it had, with its cause, and takes nothing from the others.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	status := func(code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/broken/") {
				w.WriteHeader(code)
				return true
			}
			return false
		}
	}
	tests := []struct {
		name  string
		gate  func(w http.ResponseWriter, r *http.Request) bool
		limit time.Duration
		push  []v1.Platform
		want  string
	}{
		{name: "a login is asked for", gate: status(http.StatusUnauthorized), want: "ADDRESS refuses with status 401; log in with: docker login ADDRESS"},
		{name: "forbidden", gate: status(http.StatusForbidden), want: "ADDRESS refuses with status 403; log in with: docker login ADDRESS"},
		{name: "no such tag", want: "ADDRESS has no such tag; mirror it, or see whether the makers withdrew it"},
		{name: "an answer of no use", gate: status(http.StatusTeapot), want: "ADDRESS answered with status 418; try again later"},
		{name: "no platform of the nodes", push: []v1.Platform{arm64}, want: "ADDRESS/broken/image:v1 has nothing for linux/amd64, which nodes are; mirror all platforms of the image"},
		{name: "no answer", limit: time.Second, gate: func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/broken/") {
				<-r.Context().Done()
				return true
			}
			return false
		}, want: "ADDRESS did not answer within 1s; try again, give it longer with --limit, or ask the site's mirror with --registry"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := serve(t)
			index, _ := h.push(t, "sound/image:v1", amd64)
			if tt.push != nil {
				h.push(t, "broken/image:v1", tt.push...)
			}
			if tt.gate != nil {
				h.gate = tt.gate
			}
			kept := lock.Row{Image: h.address + "/broken/image:v1", Digest: "sha256:" + strings.Repeat("a", 64), From: "elsewhere", At: at}
			for _, before := range []lock.Row{{Image: kept.Image, Unresolved: true}, kept} {
				now, said := h.run(t, lock.Lock{kept.Image: before}, func(r *Request) {
					if tt.limit > 0 {
						r.Limit = tt.limit
					}
				}, "broken/image:v1", "sound/image:v1")
				assert.Equal(t, map[string]string{"broken/image:v1": strings.ReplaceAll(tt.want, "ADDRESS", h.address)}, said)
				assert.Equal(t, before, now[kept.Image], "it keeps what it had")
				assert.Equal(t, index, now[h.address+"/sound/image:v1"].Digest)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	h := serve(t)
	closed := httptest.NewServer(http.NotFoundHandler())
	h.address = strings.TrimPrefix(closed.URL, "http://")
	closed.Close()
	now, said := h.run(t, nil, nil, "etcd:v1")
	assert.Contains(t, said["etcd:v1"], h.address+" cannot be reached (")
	assert.Contains(t, said["etcd:v1"], "--registry")
	assert.True(t, now[h.address+"/etcd:v1"].Unresolved)
}

// A registry that lies about a digest is not believed: what counts are the bytes.
func TestTheDigestIsThatOfTheBytes(t *testing.T) {
	t.Parallel()
	h := serve(t)
	index, _ := h.push(t, "etcd:v1", amd64)
	h.gate = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
		w.Header().Set("Docker-Content-Digest", index)
		fmt.Fprint(w, `{"schemaVersion":2,"manifests":[{"digest":"sha256:`+strings.Repeat("b", 64)+`","platform":{"os":"linux","architecture":"amd64"}}]}`)
		return true
	}
	now, _ := h.run(t, nil, nil, "etcd:v1")
	row := now[h.address+"/etcd:v1"]
	assert.NotEqual(t, index, row.Digest)
	assert.Equal(t, "sha256:"+strings.Repeat("b", 64), row.Node)
}

// asked keeps what is asked, and answers nothing.
type asked struct {
	mutex sync.Mutex
	urls  []string
}

func (a *asked) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.urls = append(a.urls, r.URL.Scheme+"://"+r.URL.Host)
	return nil, errors.New("no answer")
}

// The registry client falls back to a request in the clear where an address is private.
func TestNothingIsAskedInTheClear(t *testing.T) {
	t.Parallel()
	for reference, want := range map[string][]string{
		"10.0.0.1:5000/mirror/etcd:v1": {"https://10.0.0.1:5000"},
		"127.0.0.1:1/mirror/etcd:v1":   {"http://127.0.0.1:1", "https://127.0.0.1:1"},
	} {
		a := &asked{}
		_, err := Client{Limit: 20 * time.Second, Transport: a}.Find(t.Context(), reference)
		require.Error(t, err)
		slices.Sort(a.urls)
		assert.Equal(t, want, slices.Compact(a.urls), reference)
	}
}

// Whoever interrupts gets nothing to write.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	h := serve(t)
	h.push(t, "sound:v1", amd64)
	ctx, stop := context.WithCancel(t.Context())
	h.gate = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/slow/") {
			stop()
			<-r.Context().Done()
			return true
		}
		return false
	}
	now, problems, err := Resolve(ctx, nil, Request{Client: Client{Limit: time.Minute}, At: at, Progress: io.Discard,
		Images: []string{h.address + "/sound:v1", h.address + "/slow:v1"}})
	require.ErrorIs(t, err, context.Canceled)
	assert.Nil(t, now)
	assert.Nil(t, problems)
}
