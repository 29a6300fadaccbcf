package artifacts

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// packArchive writes the images of an archive to the file output, in the OCI image layout; sources are the layers' artifacts.
func packArchive(archive Archive, sources map[string]string, output string) error {
	scratch, err := os.MkdirTemp(filepath.Dir(filepath.Dir(output)), "layers-")
	if err != nil {
		return err
	}
	packed := map[string]v1.Layer{}
	for _, l := range archive.layers() {
		if packed[l.name], err = packLayer(l, sources[l.name], scratch); err != nil {
			return err
		}
	}
	file, err := os.Create(output)
	if err != nil {
		return err
	}
	return errors.Join(writeArchive(file, archive, packed), file.Close(), os.RemoveAll(scratch))
}

// packLayer makes the layer's file; the network tools are one already.
func packLayer(l layer, source, scratch string) (v1.Layer, error) {
	if l.name == toolLayer {
		return newFileLayer(filepath.Join(source, "layer.tar"))
	}
	entries, err := l.entries(source)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(scratch, l.name+".tar")
	if err := writeLayerFile(file, entries); err != nil {
		return nil, err
	}
	return newFileLayer(file)
}

// writeArchive writes the OCI image layout of an archive: each blob once, whatever number of images share it.
func writeArchive(w io.Writer, archive Archive, packed map[string]v1.Layer) error {
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	out := ociWriter{tar: tar.NewWriter(w), written: map[v1.Hash]bool{}}
	if err := out.file("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	for _, image := range archive.Images {
		descriptor, err := out.image(image, packed)
		if err != nil {
			return fmt.Errorf("image %s: %w", image.Ref(), err)
		}
		index.Manifests = append(index.Manifests, descriptor)
	}
	data, err := json.Marshal(index)
	if err != nil {
		return err
	}
	if err := out.file("index.json", data); err != nil {
		return err
	}
	return out.tar.Close()
}

// assemble puts an image together from its layers.
func assemble(image Image, packed map[string]v1.Layer) (v1.Image, error) {
	stack := make([]v1.Layer, len(image.Layers))
	for i, name := range image.Layers {
		stack[i] = packed[name]
	}
	built, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), stack...)
	if err != nil {
		return nil, err
	}
	config, err := built.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Created = v1.Time{Time: time.Unix(0, 0).UTC()}
	config.Config = v1.Config{
		Entrypoint: image.Entrypoint,
		Env:        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		User:       image.User,
		Labels: map[string]string{
			"org.opencontainers.image.title":       image.Name,
			"org.opencontainers.image.version":     image.Tag,
			"org.opencontainers.image.description": "Built by the Lagrum lab from Go modules: a stand-in for the upstream image of this name and tag.",
			"org.opencontainers.image.vendor":      "Lagrum lab",
		},
	}
	return mutate.ConfigFile(built, config)
}

// ociWriter writes the files of an OCI image layout into a tar archive.
type ociWriter struct {
	tar     *tar.Writer
	written map[v1.Hash]bool
}

// image writes an image's blobs and returns how the index refers to it.
func (o ociWriter) image(image Image, packed map[string]v1.Layer) (v1.Descriptor, error) {
	built, err := assemble(image, packed)
	if err != nil {
		return v1.Descriptor{}, err
	}
	layers, err := built.Layers()
	if err != nil {
		return v1.Descriptor{}, err
	}
	for _, l := range layers {
		if err := o.layer(l); err != nil {
			return v1.Descriptor{}, err
		}
	}
	config, err := built.RawConfigFile()
	if err != nil {
		return v1.Descriptor{}, err
	}
	configName, err := built.ConfigName()
	if err != nil {
		return v1.Descriptor{}, err
	}
	manifest, err := built.RawManifest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	digest, err := built.Digest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{
		MediaType: types.OCIManifestSchema1,
		Digest:    digest,
		Size:      int64(len(manifest)),
		Platform:  &v1.Platform{OS: "linux", Architecture: runtime.GOARCH},
		Annotations: map[string]string{
			"io.containerd.image.name":          image.Ref(),
			"org.opencontainers.image.ref.name": image.Tag,
		},
	}, errors.Join(o.blob(configName, int64(len(config)), bytes.NewReader(config)), o.blob(digest, int64(len(manifest)), bytes.NewReader(manifest)))
}

func (o ociWriter) layer(l v1.Layer) error {
	digest, err := l.Digest()
	if err != nil {
		return err
	}
	size, err := l.Size()
	if err != nil {
		return err
	}
	content, err := l.Compressed()
	if err != nil {
		return err
	}
	return errors.Join(o.blob(digest, size, content), content.Close())
}

// blob writes a blob unless it is there already.
func (o ociWriter) blob(digest v1.Hash, size int64, content io.Reader) error {
	if o.written[digest] {
		return nil
	}
	o.written[digest] = true
	return o.entry("blobs/"+digest.Algorithm+"/"+digest.Hex, size, content)
}

func (o ociWriter) file(name string, data []byte) error {
	return o.entry(name, int64(len(data)), bytes.NewReader(data))
}

func (o ociWriter) entry(name string, size int64, content io.Reader) error {
	if err := o.tar.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: size, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := io.Copy(o.tar, content)
	return err
}
