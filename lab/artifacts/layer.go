package artifacts

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// entry is one file, link or directory of a layer: exactly one of data, file and link is set, or none for a directory.
type entry struct {
	data []byte
	file string // a file of the host, to be copied
	link string // a link's target
	mode fs.FileMode
}

// baseEntries is what programs expect of any root file system: names for the users they run as, the order of name lookup, and somewhere to write.
func baseEntries() map[string]entry {
	text := func(s string) entry { return entry{data: []byte(s), mode: 0o644} }
	return map[string]entry{
		"etc/group": text("root:x:0:\nnogroup:x:65534:\nnonroot:x:65532:\n"),
		"etc/passwd": text("root:x:0:0:root:/root:/sbin/nologin\n" +
			"nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n" +
			"nonroot:x:65532:65532:nonroot:/nonexistent:/sbin/nologin\n"),
		"etc/nsswitch.conf": text("passwd: files\ngroup: files\nhosts: files dns\n"),
		"root":              {mode: fs.ModeDir | 0o700},
		"run":               {mode: fs.ModeDir | 0o755},
		"tmp":               {mode: fs.ModeDir | fs.ModeSticky | 0o777},
	}
}

// baseRecipe is the content of the base layer, as an input of what is packed on it.
func baseRecipe() string { return fmt.Sprintf("%v", baseEntries()) }

// entries are the files of a layer, whose artifact is the directory source.
func (l layer) entries(source string) (map[string]entry, error) {
	if l.program == "" {
		return baseEntries(), nil
	}
	files, err := os.ReadDir(source)
	if err != nil {
		return nil, err
	}
	dir := l.binDir
	if dir == "" {
		dir = "usr/local/bin"
	}
	entries := map[string]entry{}
	for _, file := range files {
		entries[path.Join(dir, file.Name())] = entry{file: filepath.Join(source, file.Name()), mode: 0o755}
	}
	for name, target := range l.links {
		if _, ok := entries[path.Join(dir, target)]; !ok {
			return nil, fmt.Errorf("layer %s: %s would be a link to %s, which program %s does not have", l.name, name, target, l.program)
		}
		entries[path.Join(dir, name)] = entry{link: target}
	}
	return entries, nil
}

// writeLayerFile writes a layer to the file at name.
func writeLayerFile(name string, entries map[string]entry) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(writeLayer(file, entries), file.Close())
}

// writeLayer writes entries as a tar archive: sorted, with the directories that lead to them, owned by root and without times, so that the same files are
// always the same bytes.
func writeLayer(w io.Writer, entries map[string]entry) error {
	all := map[string]entry{}
	for name, e := range entries {
		all[name] = e
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, ok := entries[dir]; !ok {
				all[dir] = entry{mode: fs.ModeDir | 0o755}
			}
		}
	}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	archive := tar.NewWriter(w)
	for _, name := range names {
		if err := writeEntry(archive, name, all[name]); err != nil {
			return fmt.Errorf("layer: %s: %w", name, err)
		}
	}
	return archive.Close()
}

func writeEntry(archive *tar.Writer, name string, e entry) error {
	header := &tar.Header{Name: name, Mode: int64(e.mode.Perm()), ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
	var content io.Reader = bytes.NewReader(e.data)
	switch {
	case e.link != "":
		header.Typeflag, header.Linkname, header.Mode = tar.TypeSymlink, e.link, 0o777
	case e.mode.IsDir():
		header.Typeflag, header.Name = tar.TypeDir, name+"/"
		if e.mode&fs.ModeSticky != 0 {
			header.Mode |= 0o1000
		}
	case e.file != "":
		file, err := os.Open(e.file)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		header.Typeflag, header.Size, content = tar.TypeReg, info.Size(), file
	default:
		header.Typeflag, header.Size = tar.TypeReg, int64(len(e.data))
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(archive, content)
	return err
}

// fileLayer is a layer in a file, uncompressed: a machine imports it from local disk, where compressing only costs time.
type fileLayer struct {
	path string
	hash v1.Hash
	size int64
}

func newFileLayer(path string) (v1.Layer, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var sum hash.Hash = sha256.New()
	size, err := io.Copy(sum, file)
	if err != nil {
		return nil, err
	}
	return fileLayer{path: path, hash: v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}, size: size}, nil
}

func (l fileLayer) Digest() (v1.Hash, error)             { return l.hash, nil }
func (l fileLayer) DiffID() (v1.Hash, error)             { return l.hash, nil }
func (l fileLayer) Compressed() (io.ReadCloser, error)   { return os.Open(l.path) }
func (l fileLayer) Uncompressed() (io.ReadCloser, error) { return os.Open(l.path) }
func (l fileLayer) Size() (int64, error)                 { return l.size, nil }
func (l fileLayer) MediaType() (types.MediaType, error)  { return types.OCIUncompressedLayer, nil }
