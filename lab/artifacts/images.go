package artifacts

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// Registry is the lab's registry prefix. Nothing serves it: every image is imported into the machines' container runtime before it is asked for.
const Registry = "registry.lab.lagrum"

// Archive is one OCI archive: images that share layers travel together, so that a machine imports each layer once.
type Archive struct {
	Name   string // the archive's file name without .tar
	Images []Image
	// OnDemand archives are packed when something asks for them, never by default.
	OnDemand bool
}

// Image is one container image, a stand-in for the upstream image of the same name and tag that holds the same program.
type Image struct {
	Name       string   // below Registry
	Tag        string   // upstream's tag
	Layers     []string // names in the table of layers, the lowest first
	Entrypoint []string
	User       string // numeric "uid:gid"; empty is root
}

// Ref is the reference that a container runtime knows the image by.
func (i Image) Ref() string { return Registry + "/" + i.Name + ":" + i.Tag }

// layer is one file-system layer: a fixed base, the network tools from Debian, or the binaries of one program in /usr/local/bin.
type layer struct {
	name    string
	program string            // whose binaries the layer holds, if any
	links   map[string]string // further names in /usr/local/bin, and the binary that each is a link to
	binDir  string            // where the binaries go; default usr/local/bin
}

const (
	baseLayer = "base"
	toolLayer = "network-tools"
)

// layers lists every layer by name.
func layers() []layer {
	return []layer{
		{name: baseLayer},
		{name: toolLayer},
		{name: "kubernetes", program: "kubernetes", links: map[string]string{
			"kube-apiserver":          "kube",
			"kube-controller-manager": "kube",
			"kube-proxy":              "kube",
			"kube-scheduler":          "kube",
			"kubectl":                 "kube",
		}},
		{name: "etcd", program: "etcd"},
		// Where upstream's images keep a program elsewhere, so do these: manifests name it by that path.
		{name: "pause", program: "pause", binDir: "."},
		{name: "coredns", program: "coredns", binDir: "."},
		{name: "flannel", program: "flannel", binDir: "opt/bin"},
		{name: "kube-router", program: "kube-router"},
		{name: "probe", program: "probe"},
		{name: "dex", program: "dex"},
		{name: "traefik", program: "traefik"},
		{name: "kwok", program: "kwok"},
	}
}

// Archives lists every image of the lab, in the order in which a starting cluster needs them.
func Archives() []Archive {
	const kubernetes = "v1.36.3"
	control := []string{baseLayer, "kubernetes"}
	return []Archive{
		{Name: "pause", Images: []Image{{Name: "pause", Tag: "3.10.2", Layers: []string{"pause"}, Entrypoint: []string{"/pause"}, User: "65535:65535"}}},
		{Name: "kubernetes", Images: []Image{
			{Name: "kube-apiserver", Tag: kubernetes, Layers: control, Entrypoint: []string{"kube-apiserver"}},
			{Name: "kube-controller-manager", Tag: kubernetes, Layers: control, Entrypoint: []string{"kube-controller-manager"}},
			{Name: "kube-scheduler", Tag: kubernetes, Layers: control, Entrypoint: []string{"kube-scheduler"}},
			// The tools lie above the programs, so that the large layer keeps one parent and is unpacked once.
			{Name: "kube-proxy", Tag: kubernetes, Layers: []string{baseLayer, "kubernetes", toolLayer}, Entrypoint: []string{"kube-proxy"}},
			{Name: "kubectl", Tag: kubernetes, Layers: control, Entrypoint: []string{"kubectl"}},
		}},
		{Name: "etcd", Images: []Image{{Name: "etcd", Tag: "3.6.5-0", Layers: []string{baseLayer, "etcd"}, Entrypoint: []string{"etcd"}}}},
		{Name: "coredns", Images: []Image{
			{Name: "coredns", Tag: "v1.15.0", Layers: []string{baseLayer, "coredns"}, Entrypoint: []string{"/coredns"}, User: "65532:65532"},
		}},
		{Name: "flannel", Images: []Image{{Name: "flannel", Tag: "v0.26.7", Layers: []string{baseLayer, toolLayer, "flannel"}, Entrypoint: []string{"/opt/bin/flanneld"}}}},
		{Name: "kube-router", Images: []Image{
			{Name: "kube-router", Tag: "v2.1.0", Layers: []string{baseLayer, toolLayer, "kube-router"}, Entrypoint: []string{"kube-router"}},
		}},
		{Name: "dex", Images: []Image{{Name: "dex", Tag: "v2.41.1", Layers: []string{baseLayer, "dex"}, Entrypoint: []string{"dex"}, User: "1001:1001"}}},
		{Name: "traefik", Images: []Image{
			{Name: "traefik", Tag: "v3.5.3", Layers: []string{baseLayer, "traefik"}, Entrypoint: []string{"traefik"}, User: "65532:65532"},
		}},
		{Name: "lab-probe", Images: []Image{{Name: "lab-probe", Tag: "1", Layers: []string{baseLayer, "probe"}, Entrypoint: []string{"probe"}, User: "65532:65532"}}},
		{Name: "kwok", OnDemand: true, Images: []Image{{Name: "kwok", Tag: "v0.8.0", Layers: []string{baseLayer, "kwok"}, Entrypoint: []string{"kwok"}}}},
	}
}

// archiveRecipe changes whenever packing changes the bytes of archives.
const archiveRecipe = "archive 1"

// archiveCost is about what packing an archive takes, mostly hashing.
const archiveCost = 5 * time.Second

// Archive returns the path of the OCI archive called name, and makes it first when the cache does not hold it.
func (s *Store) Archive(ctx context.Context, name string) (string, error) {
	archive, err := archiveNamed(name)
	if err != nil {
		return "", err
	}
	inputs, err := s.archiveInputs(archive)
	if err != nil {
		return "", err
	}
	dir, err := s.Derived(ctx, archiveArtifact(name), inputs, func(dir string) error {
		sources, err := s.layerSources(ctx, archive)
		if err != nil {
			return err
		}
		return packArchive(archive, sources, filepath.Join(dir, name+".tar"))
	})
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, name+".tar"), nil
}

// archiveArtifact is the name of an archive among the artifacts, where the program of that name lies too.
func archiveArtifact(name string) string { return "image-" + name }

// archiveInputs is what an archive depends on, known before any of it is made.
func (s *Store) archiveInputs(archive Archive) ([]string, error) {
	inputs := []string{archiveRecipe, fmt.Sprintf("%+v", archive.Images), baseRecipe()}
	for _, l := range archive.layers() {
		source := ""
		switch {
		case l.program != "":
			program, err := programNamed(l.program)
			if err != nil {
				return nil, err
			}
			made, err := s.programInputs(program)
			if err != nil {
				return nil, err
			}
			source = s.path(program.Name, made)
		case l.name == toolLayer:
			source = s.path(toolsArtifact, s.toolInputs())
		}
		// The last element of the path holds the key; where the cache lies does not matter.
		inputs = append(inputs, fmt.Sprintf("%s %v %s %s", l.name, l.links, l.binDir, filepath.Base(source)))
	}
	return inputs, nil
}

// layerSources makes the artifacts that an archive's layers are packed from: their directories by layer.
func (s *Store) layerSources(ctx context.Context, archive Archive) (map[string]string, error) {
	sources := map[string]string{}
	for _, l := range archive.layers() {
		var err error
		switch {
		case l.program != "":
			sources[l.name], err = s.Program(ctx, l.program)
		case l.name == toolLayer:
			sources[l.name], err = s.NetworkTools(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
	return sources, nil
}

// layers are the distinct layers of the archive's images.
func (a Archive) layers() []layer {
	var found []layer
	for _, l := range layers() {
		if slices.ContainsFunc(a.Images, func(i Image) bool { return slices.Contains(i.Layers, l.name) }) {
			found = append(found, l)
		}
	}
	return found
}

func archiveNamed(name string) (Archive, error) {
	all := Archives()
	i := slices.IndexFunc(all, func(a Archive) bool { return a.Name == name })
	if i < 0 {
		return Archive{}, fmt.Errorf("artifacts: no archive %q; lab/artifacts/images.go lists them", name)
	}
	return all[i], nil
}
