package archive

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// format is the version of the layout that is understood.
const format = 1

// unknown stands for the object before in a chain's first.
const unknown = "unknown"

// name is what an object's key tells.
type name struct {
	class, date, cluster, node string
	sequence                   uint64
	hash                       string
}

var layout = regexp.MustCompile(`^([a-z0-9.-]+)/(\d{4}/\d\d/\d\d)/([a-z0-9.-]+)/([a-z0-9.-]+)/(\d{12})-([0-9a-f]{64})\.jsonl\.gz$`)

func parse(key string) (name, bool) {
	m := layout.FindStringSubmatch(key)
	if m == nil {
		return name{}, false
	}
	sequence, err := strconv.ParseUint(m[5], 10, 64)
	return name{class: m[1], date: m[2], cluster: m[3], node: m[4], sequence: sequence, hash: m[6]}, err == nil && sequence > 0
}

// header is the first line of an object.
type header struct {
	Format   int       `json:"lagrumArchive"`
	Class    string    `json:"class"`
	Cluster  string    `json:"cluster"`
	Node     string    `json:"node"`
	Chain    string    `json:"chain"`
	Sequence uint64    `json:"sequence"`
	Previous string    `json:"previous"`
	Events   int       `json:"events"`
	Written  time.Time `json:"written"`
}

// fits says how a header contradicts the name of its object; empty where it does not.
func (h header) fits(n name) string {
	switch {
	case h.Format != format:
		return fmt.Sprintf("its layout has version %d, and %d is understood", h.Format, format)
	case h.Class != n.class || h.Cluster != n.cluster || h.Node != n.node || h.Sequence != n.sequence || h.Written.UTC().Format("2006/01/02") != n.date:
		return "its first line names another place in the archive than its key"
	case h.Chain == "" || h.Previous == "":
		return "its first line names no chain or no object before it"
	case (h.Previous == unknown) != (h.Sequence == 1):
		return "only the first of a chain has nothing before it"
	}
	return ""
}

// event is what is looked at in a line.
type event struct {
	Attributes struct {
		UID  string `json:"log.record.uid"`
		Flaw string `json:"lagrum.flaw"`
	} `json:"attributes"`
	Resource struct {
		Source string `json:"lagrum.source"`
	} `json:"resource"`
}

// The bounds of what is read of one object: writers stay far below.
const (
	unpackedLimit = 1 << 28
	lineLimit     = 1 << 26
)

// open reads the header of an object, and hands over its lines.
func unpack(content []byte, each func(event)) (header, error) {
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return header{}, fmt.Errorf("is not compressed by gzip: %w", err)
	}
	bounded := &io.LimitedReader{R: z, N: unpackedLimit}
	lines := bufio.NewScanner(bounded)
	lines.Buffer(nil, lineLimit)
	var h header
	if !lines.Scan() {
		return h, errors.Join(errors.New("has no first line"), lines.Err())
	}
	if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
		return h, fmt.Errorf("its first line is no header: %w", err)
	}
	count := 0
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return h, fmt.Errorf("line %d is no JSON: %w", count+2, err)
		}
		each(e)
		count++
	}
	switch {
	case lines.Err() != nil:
		return h, lines.Err()
	case bounded.N == 0:
		return h, fmt.Errorf("unpacks to more than %d bytes", unpackedLimit)
	case count != h.Events:
		return h, fmt.Errorf("has %d events, and its first line says %d", count, h.Events)
	}
	return h, nil
}

func sum(content []byte) string {
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:])
}

// narrow says whether a prefix leaves out parts of chains: it is not a class, or a part of one's name.
func narrow(prefix string) bool { return strings.Contains(strings.TrimSuffix(prefix, "/"), "/") }
