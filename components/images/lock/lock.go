// Package lock is the file that says what the images' tags stood for when somebody asked: one row for each image, with the
// digest that its registry answered, or marked as unresolved.
//
// The file lies beside Pulumi.yaml and is read when the program runs. So a review shows a digest that changes, and a stack
// is deployed with the digests of its own checkout, whichever build of the program runs. Nothing here makes a digest up, and
// nothing asks a registry: `lagrum images resolve` does, and writes the file.
package lock

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"gopkg.in/yaml.v3"
)

// Name is the file's, beside Pulumi.yaml.
const Name = "images.lock.yaml"

// Row is one image, named by where its makers publish it: a mirror holds the same bytes, and so has the same digest.
type Row struct {
	// Image is <upstream repository>:<tag>.
	Image string `yaml:"image"`
	// Unresolved says that no registry has answered for it yet. Then there is nothing else.
	Unresolved bool `yaml:"unresolved,omitempty"`
	// Digest is that of what the tag names: an index of platforms, where there is one. Containers are given it.
	Digest string `yaml:"digest,omitempty"`
	// Node is the digest of what nodes run of an index, its manifest for linux/amd64; empty where the tag names no index.
	Node string `yaml:"linux/amd64,omitempty"`
	// From is the reference that was asked for, on the makers' registry or a mirror, and At is when.
	From string    `yaml:"from,omitempty"`
	At   time.Time `yaml:"at,omitempty"`
}

// Lock is what the file holds, by image.
type Lock map[string]Row

var (
	digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	image  = regexp.MustCompile(`^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
)

// Load reads the file of a project. Where there is none, no image has a digest.
func Load(project string) (Lock, error) {
	text, err := os.ReadFile(filepath.Join(project, Name))
	if errors.Is(err, fs.ErrNotExist) {
		return Lock{}, nil
	}
	if err != nil {
		return nil, err
	}
	held, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s has mistakes; take it back from version control, or run lagrum images resolve:\n%w", Name, err)
	}
	return held, nil
}

// Parse reads the file's text strictly, and reports every mistake.
func Parse(text []byte) (Lock, error) {
	var file struct {
		Images []Row `yaml:"images"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	held, problems := Lock{}, []error{}
	for i, row := range file.Images {
		problem := func(key, value, remedy string) {
			problems = append(problems, fmt.Errorf("images[%d].%s: %q: %s", i, key, value, remedy))
		}
		if !image.MatchString(row.Image) {
			problem("image", row.Image, "write registry/repository:tag")
		}
		if _, twice := held[row.Image]; twice {
			problem("image", row.Image, "stands here twice; keep one")
		}
		if row.Unresolved {
			if row != (Row{Image: row.Image, Unresolved: true}) {
				problem("unresolved", "true", "has no digest, source or time; take out the one or the others")
			}
			held[row.Image] = row
			continue
		}
		if !digest.MatchString(row.Digest) {
			problem("digest", row.Digest, "write sha256: and 64 hexadecimal digits, or unresolved: true")
		}
		if row.Node != "" && !digest.MatchString(row.Node) {
			problem("linux/amd64", row.Node, "write sha256: and 64 hexadecimal digits, or take it out")
		}
		if row.From == "" {
			problem("from", row.From, "say which reference was asked for")
		}
		if row.At.IsZero() {
			problem("at", "", "say when it was asked for, as 2006-01-02T15:04:05Z")
		}
		held[row.Image] = row
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return held, nil
}

// With is the lock with a row, marked as unresolved, for each image that has none.
func (l Lock) With(images []string) Lock {
	all := maps.Clone(l)
	if all == nil {
		all = Lock{}
	}
	for _, name := range images {
		if _, has := all[name]; !has {
			all[name] = Row{Image: name, Unresolved: true}
		}
	}
	return all
}

// Only is the lock without the rows of other images.
func (l Lock) Only(images []string) Lock {
	kept := maps.Clone(l)
	maps.DeleteFunc(kept, func(name string, _ Row) bool { return !slices.Contains(images, name) })
	return kept
}

// Digests are those that are known, by image.
func (l Lock) Digests() map[string]string {
	known := map[string]string{}
	for name, row := range l {
		if row.Digest != "" {
			known[name] = row.Digest
		}
	}
	return known
}

const head = `# What the images' tags stood for when their registries were asked. Written by lagrum images resolve, which says how each got
# here; docs/images.md lists what they are. An unresolved image has never been asked for: no digest is made up.
`

// Text is the file: sorted, the same bytes for the same rows.
func (l Lock) Text() ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(head)
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	rows := slices.SortedFunc(maps.Values(l), func(a, b Row) int { return cmp.Compare(a.Image, b.Image) })
	if err := encoder.Encode(map[string][]Row{"images": rows}); err != nil {
		return nil, fmt.Errorf("%s: %w", Name, err)
	}
	return out.Bytes(), nil
}

// Save replaces the file of a project as a whole: whoever is interrupted leaves the old one.
func (l Lock) Save(project string) error {
	text, err := l.Text()
	if err != nil {
		return err
	}
	if _, err := Parse(text); err != nil {
		return fmt.Errorf("%s was not written, since it could not be read again:\n%w", Name, err)
	}
	file, err := os.CreateTemp(project, "."+Name+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // once renamed it is no longer there
	_, err = file.Write(text)
	if err = errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	return os.Rename(file.Name(), filepath.Join(project, Name))
}
