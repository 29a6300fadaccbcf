package archive

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// format is the version of the layout that docs/archive.md describes.
const format = 1

// unknown stands for the object before in a chain's first.
const unknown = "unknown"

// header is the first line of every object: its place in the chain.
type header struct {
	Format   int       `json:"lagrumArchive"`
	Class    string    `json:"class"`
	Cluster  string    `json:"cluster"`
	Node     string    `json:"node"`
	Chain    string    `json:"chain"`
	Sequence uint64    `json:"sequence"`
	Previous string    `json:"previous"` // SHA-256 of the object before
	Events   int       `json:"events"`
	Written  time.Time `json:"written"`
}

// object is what is put, or waits to be put.
type object struct {
	Key     string    `json:"key"`
	SHA256  string    `json:"sha256"`
	Written time.Time `json:"written"`
	Events  int       `json:"events"`
	// Sequence and Part are its places in the chain and in the spool.
	Sequence uint64 `json:"sequence"`
	Part     uint64 `json:"part"`

	content []byte
}

// position is the last object of a chain that is in the archive.
type position struct {
	Class    string `json:"class"`
	Cluster  string `json:"cluster"`
	Node     string `json:"node"`
	Chain    string `json:"chain"`
	Sequence uint64 `json:"sequence"` // 0 before the first
	SHA256   string `json:"sha256"`
}

// chain is where the chain of a class and node stands. Both of its files are replaced as a whole.
type chain struct {
	dir  string
	at   position
	next *object // put and not noted, or not put yet
}

// The files of a chain.
const (
	positionFile = "chain.json"
	nextFile     = "next.json"
	contentFile  = "next.jsonl.gz"
)

// openChain finds where the chain stands. Where that is lost, or is another node's, a new one begins: its first object
// tells that nothing is known of the one before. Begun says why.
func openChain(c Config) (made *chain, begun string, err error) {
	made = &chain{dir: c.Directory}
	text, err := os.ReadFile(filepath.Join(c.Directory, positionFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		begun = "nothing is known of one before"
	case err != nil:
		return nil, "", err
	case json.Unmarshal(text, &made.at) != nil || made.at.Chain == "":
		begun = "where the one before stands cannot be read"
	case made.at.Class != c.Class || made.at.Cluster != c.Cluster || made.at.Node != c.Node:
		begun = fmt.Sprintf("the one here is that of %s/%s/%s", made.at.Class, made.at.Cluster, made.at.Node)
	}
	if begun != "" {
		made.at = position{}
	}
	left, err := made.left()
	if err != nil {
		return nil, "", err
	}
	if begun == "" {
		if left != nil && left.Sequence <= made.at.Sequence {
			return made, "", made.forget() // noted, and then killed
		}
		made.next = left
		return made, "", nil
	}
	id := make([]byte, 8)
	_, _ = rand.Read(id) // it never fails
	made.at = position{Class: c.Class, Cluster: c.Cluster, Node: c.Node, Chain: hex.EncodeToString(id), SHA256: unknown}
	if err := made.save(); err != nil {
		return nil, "", err
	}
	if left == nil {
		return made, begun, nil
	}
	// What was left has a place in the chain before. Whether it was put is not known, so its lines go into the new one.
	lines, err := unpack(left.content)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", contentFile, err)
	}
	return made, begun, made.link(piece{id: left.Part, lines: lines, events: left.Events}, time.Now().UTC())
}

// left is the object of an earlier run that was put and not noted, or not put yet.
func (c *chain) left() (*object, error) {
	text, err := os.ReadFile(filepath.Join(c.dir, nextFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, fmt.Errorf("%s: is damaged, and with it the lines of one object are lost; take it away: %w", nextFile, err)
	}
	if o.Sequence <= c.at.Sequence {
		return &o, nil // its content may be another's already
	}
	if o.content, err = os.ReadFile(filepath.Join(c.dir, contentFile)); err != nil {
		return nil, err
	}
	if sum(o.content) != o.SHA256 {
		return nil, fmt.Errorf("%s: is damaged, and with it the lines of one object are lost; take it and %s away", contentFile, nextFile)
	}
	return &o, nil
}

func (c *chain) waiting() bool { return c.next != nil }

// link makes the next object of lines. It is on disk when link returns.
func (c *chain) link(p piece, now time.Time) error {
	h := header{
		Format: format, Class: c.at.Class, Cluster: c.at.Cluster, Node: c.at.Node, Chain: c.at.Chain,
		Sequence: c.at.Sequence + 1, Previous: c.at.SHA256, Events: p.events, Written: now,
	}
	content, err := pack(h, p.lines)
	if err != nil {
		return err
	}
	o := &object{SHA256: sum(content), Written: now, Events: p.events, Sequence: h.Sequence, Part: p.id, content: content}
	o.Key = fmt.Sprintf("%s/%s/%s/%s/%012d-%s.jsonl.gz", h.Class, now.Format("2006/01/02"), h.Cluster, h.Node, h.Sequence, o.SHA256)
	described, err := json.Marshal(o)
	if err != nil {
		return err
	}
	// The content first: a description without it would be believed.
	if err := replace(filepath.Join(c.dir, contentFile), content); err != nil {
		return err
	}
	if err := replace(filepath.Join(c.dir, nextFile), described); err != nil {
		return err
	}
	c.next = o
	return nil
}

// advance notes that the next object is in the archive.
func (c *chain) advance() error {
	before := c.at
	c.at.Sequence, c.at.SHA256 = c.next.Sequence, c.next.SHA256
	if err := c.save(); err != nil {
		c.at = before
		return err
	}
	c.next = nil
	return c.forget()
}

func (c *chain) save() error {
	text, err := json.Marshal(c.at)
	if err != nil {
		return err
	}
	return replace(filepath.Join(c.dir, positionFile), text)
}

func (c *chain) forget() error {
	var errs []error
	for _, name := range []string{nextFile, contentFile} {
		if err := os.Remove(filepath.Join(c.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// pack compresses a header and lines. The same bytes come of the same input.
func pack(h header, lines []byte) ([]byte, error) {
	first, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	for _, text := range [][]byte{first, []byte("\n"), lines} {
		if _, err := z.Write(text); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// unpack returns the lines of what pack made.
func unpack(content []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	_, lines, _ := bytes.Cut(text, []byte("\n"))
	return lines, nil
}

func sum(content []byte) string {
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:])
}

// replace writes a file as a whole or not at all, whatever the power does.
func replace(path string, content []byte) error {
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, privateTo)
	if err != nil {
		return err
	}
	if _, err := file.Write(content); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
