package artifacts

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/stacks/plan"
)

// modulesDir is lab/programs as seen from this package's tests.
const modulesDir = "../programs"

// tableOf reads the rows of the table that follows a heading of lab/README.md, without its header.
func tableOf(t *testing.T, heading string) [][]string {
	t.Helper()
	data, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(data), "\n## "+heading+"\n")
	require.True(t, found, "lab/README.md has no heading %q", heading)
	var rows [][]string
	for _, line := range strings.Split(rest, "\n") {
		if strings.HasPrefix(line, "## ") {
			break
		}
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") {
			continue
		}
		var row []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			row = append(row, strings.TrimSpace(cell))
		}
		rows = append(rows, row)
	}
	require.NotEmpty(t, rows, "lab/README.md: no table under %q", heading)
	return rows[1:]
}

func TestReadmeListsThePrograms(t *testing.T) {
	t.Parallel()
	var want [][]string
	for _, p := range Programs() {
		want = append(want, []string{p.Name, "v" + p.Version, strings.Join(p.files(), ", ")})
	}
	var got [][]string
	for i, row := range tableOf(t, "Programs") {
		require.Len(t, row, 5)
		got = append(got, []string{row[0], row[2], row[3]})
		if module := Programs()[min(i, len(want)-1)].Module; module != "" {
			assert.Equal(t, module, row[1], row[0])
		} else {
			assert.Contains(t, row[1], "none", row[0])
		}
	}
	assert.Equal(t, want, got)
}

func TestModulesPinTheVersionsOfTheCatalogue(t *testing.T) {
	t.Parallel()
	for _, p := range Programs() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(filepath.Join(modulesDir, p.Name, "go.mod"))
			require.NoError(t, err)
			mod, err := modfile.Parse("go.mod", data, nil)
			require.NoError(t, err)
			assert.Equal(t, "github.com/lagrum/lagrum/lab/programs/"+p.Name, mod.Module.Mod.Path)
			if p.Module == "" {
				assert.Empty(t, mod.Require, "a program of the lab's own uses the standard library alone")
				return
			}
			assert.Contains(t, requirements(mod), p.Module+" v"+p.Version)
			sums, err := os.ReadFile(filepath.Join(modulesDir, p.Name, "go.sum"))
			require.NoError(t, err)
			assert.Contains(t, string(sums), p.Module+" v"+p.Version+" h1:")
			for _, pkg := range p.Binaries {
				if pkg != "." {
					assert.Contains(t, tools(mod), pkg, "go.mod keeps what it builds by a tool line")
				}
			}
		})
	}
}

func requirements(mod *modfile.File) []string {
	var all []string
	for _, r := range mod.Require {
		all = append(all, r.Mod.String())
	}
	for i, r := range all {
		all[i] = strings.Replace(r, "@", " ", 1)
	}
	return all
}

func tools(mod *modfile.File) []string {
	var all []string
	for _, tool := range mod.Tool {
		all = append(all, tool.Path)
	}
	return all
}

// Every folder of lab/programs is in the catalogue, so that none is left unbuilt or unchecked.
func TestCatalogueHasEveryModule(t *testing.T) {
	t.Parallel()
	folders, err := os.ReadDir(modulesDir)
	require.NoError(t, err)
	var have, want []string
	for _, folder := range folders {
		have = append(have, folder.Name())
	}
	for _, p := range Programs() {
		want = append(want, p.Name)
	}
	assert.ElementsMatch(t, want, have)
}

func TestKubernetesReplacesEveryStagingModule(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(modulesDir, "kubernetes", "go.mod"))
	require.NoError(t, err)
	mod, err := modfile.Parse("go.mod", data, nil)
	require.NoError(t, err)
	replaced := map[string]string{}
	for _, r := range mod.Replace {
		assert.Equal(t, r.Old.Path, r.New.Path)
		replaced[r.Old.Path] = r.New.Version
	}
	for _, r := range mod.Require {
		if r.Mod.Version == "v0.36.3" {
			assert.Equal(t, "v0.36.3", replaced[r.Mod.Path], r.Mod.Path)
		}
	}
	assert.Contains(t, replaced, "k8s.io/apiserver")
}

func TestChecksumExceptionsAreTheListedOnes(t *testing.T) {
	t.Parallel()
	var want [][]string
	for _, p := range Programs() {
		if p.Unverified == "" {
			assert.NotContains(t, strings.Join(p.buildEnv("/scratch"), " "), "SUMDB", p.Name)
			continue
		}
		assert.Contains(t, p.buildEnv("/scratch"), "GONOSUMDB="+p.Unverified)
		sums, err := os.ReadFile(filepath.Join(modulesDir, p.Name, "go.sum"))
		require.NoError(t, err)
		for _, line := range strings.Split(string(sums), "\n") {
			if fields := strings.Fields(line); len(fields) == 3 && fields[0] == p.Unverified && !strings.HasSuffix(fields[1], "/go.mod") {
				want = append(want, []string{p.Name, fields[0], fields[1], fields[2]})
			}
		}
	}
	assert.Equal(t, want, tableOf(t, "Checksum exceptions"))
}

// A static binary runs in every image; a cgo one would need the host's C library.
func TestBuildsAreStaticAndStamped(t *testing.T) {
	t.Parallel()
	flannel, err := programNamed("flannel")
	require.NoError(t, err)
	assert.Contains(t, flannel.buildEnv("/scratch"), "CGO_ENABLED=1")
	assert.Equal(t, []string{
		"-ldflags=-s -w -linkmode=external -extldflags=-static -X=github.com/flannel-io/flannel/pkg/version.Version=v0.26.7",
		"-tags=netgo,osusergo", "-o", "out", "github.com/flannel-io/flannel",
	}, flannel.buildArgs("out", "github.com/flannel-io/flannel")[2:])
	for _, p := range Programs() {
		if !p.Cgo {
			assert.Contains(t, p.buildEnv("/scratch"), "CGO_ENABLED=0", p.Name)
		}
		assert.Contains(t, p.buildEnv("/scratch"), "GOFLAGS=-mod=readonly -trimpath -buildvcs=false", p.Name)
	}
}

// fakePrograms makes a directory for each layer of an archive, with small files in place of the binaries.
func fakePrograms(t *testing.T, archive Archive) map[string]string {
	t.Helper()
	sources := map[string]string{}
	for _, l := range archive.layers() {
		dir := t.TempDir()
		sources[l.name] = dir
		if l.name == toolLayer {
			require.NoError(t, writeLayerFile(filepath.Join(dir, "layer.tar"), map[string]entry{"usr/bin/sh": {data: []byte("shell"), mode: 0o755}}))
		}
		if l.program == "" {
			continue
		}
		p, err := programNamed(l.program)
		require.NoError(t, err)
		for _, file := range p.files() {
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte("program "+file), 0o755))
		}
	}
	return sources
}

func TestEveryImageHoldsItsEntrypoint(t *testing.T) {
	t.Parallel()
	for _, archive := range Archives() {
		sources := fakePrograms(t, archive)
		for _, image := range archive.Images {
			t.Run(image.Name, func(t *testing.T) {
				t.Parallel()
				held := map[string]entry{}
				for _, name := range image.Layers {
					i := slices.IndexFunc(archive.layers(), func(l layer) bool { return l.name == name })
					require.GreaterOrEqual(t, i, 0, "no layer %s", name)
					if name == toolLayer {
						continue
					}
					entries, err := archive.layers()[i].entries(sources[name])
					require.NoError(t, err)
					for path, e := range entries {
						held[path] = e
					}
				}
				require.NotEmpty(t, image.Entrypoint)
				command := image.Entrypoint[0]
				if !path.IsAbs(command) {
					command = "/usr/local/bin/" + command
				}
				assert.Contains(t, held, strings.TrimPrefix(command, "/"))
			})
		}
	}
}

// What the cluster asks for is exactly a part of what the lab packs.
func TestEveryImageOfTheClusterIsPacked(t *testing.T) {
	t.Parallel()
	packed := map[string]bool{}
	for _, archive := range Archives() {
		for _, image := range archive.Images {
			assert.False(t, packed[image.Ref()], "%s is packed twice", image.Ref())
			packed[image.Ref()] = true
		}
	}
	catalogue := images.For(plan.Cluster{
		Version: "v1.36.3", EtcdTag: "3.6.5-0", PauseTag: "3.10.2", CoreDNSTag: "v1.15.0", Registry: "registry.lab.lagrum",
	})
	for _, image := range catalogue.On("lab") {
		assert.True(t, packed[image.Ref()], "%s is not packed", image.Ref())
	}
	assert.True(t, packed["registry.lab.lagrum/kubectl:v1.36.3"])
	assert.True(t, packed["registry.lab.lagrum/lab-probe:1"])
}

func TestNamesThatAreNotInTheCatalogues(t *testing.T) {
	t.Parallel()
	_, err := programNamed("helm")
	assert.EqualError(t, err, `artifacts: no program "helm"; there are kubernetes, containerd, etcd, cni, pause, pulumi, coredns, flannel, kube-router, dex, traefik, probe, kwok, minio, mc, versitygw, cloud-provider-openstack, cloud-provider-aws, kube-bench`)
	s := newStore(t)
	_, err = s.Archive(t.Context(), "helm")
	assert.EqualError(t, err, `artifacts: no archive "helm"; lab/artifacts/images.go lists them`)
}

func TestStepsComeInTheOrderOfNeed(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	names := func(targets ...string) []string {
		steps, err := s.Steps(targets...)
		require.NoError(t, err)
		require.NoError(t, checkNeeds(steps))
		var all []string
		for _, step := range steps {
			all = append(all, step.Name)
		}
		return all
	}
	assert.Equal(t, []string{
		"network-tools", "kubernetes", "image-kubernetes", "containerd", "etcd", "image-etcd", "cni", "pause", "image-pause", "pulumi",
		"coredns", "image-coredns", "flannel", "image-flannel", "kube-router", "image-kube-router", "dex", "image-dex", "traefik", "image-traefik", "probe", "image-lab-probe",
	}, names())
	assert.Equal(t, []string{"kwok", "image-kwok"}, names("image-kwok"))
	assert.Equal(t, []string{"minio", "versitygw"}, names("versitygw", "minio"))
	assert.Equal(t, []string{"network-tools", "etcd", "flannel", "image-flannel"}, names("image-flannel", "etcd"))
	_, err := s.Steps("nothing")
	assert.ErrorContains(t, err, `artifacts: no target "nothing"; there are network-tools, kubernetes, image-kubernetes, containerd,`)
}

func TestArchivesAreDeterministic(t *testing.T) {
	t.Parallel()
	archive, err := archiveNamed("kubernetes")
	require.NoError(t, err)
	pack := func() []byte {
		file := filepath.Join(t.TempDir(), "artifact", "out.tar")
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, packArchive(archive, fakePrograms(t, archive), file))
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		left, err := os.ReadDir(filepath.Dir(filepath.Dir(file)))
		require.NoError(t, err)
		assert.Len(t, left, 1, "scratch layers are removed")
		return data
	}
	first, second := pack(), pack()
	assert.True(t, bytes.Equal(first, second), "the same programs gave two different archives")
}
