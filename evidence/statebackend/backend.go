// Package statebackend judges where a stack keeps its state: whether the place may hold the keys of a cluster, by what the
// plan's law asks, by what the backend's address and the stack's secrets provider say, and by what the store itself answers.
//
// It reads and never writes, and prints no credential, no passphrase and no part of the state. docs/state.md says what is
// asked and how to recover a state that is lost.
package statebackend

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Kind of backend, as the engine knows them.
type Kind string

// The kinds.
const (
	S3       Kind = "S3"
	Objects  Kind = "object store" // Google's and Azure's, which are not asked here
	Database Kind = "database"
	Folder   Kind = "folder"
	Memory   Kind = "memory"
	Cloud    Kind = "Pulumi Cloud"
	Service  Kind = "service" // Pulumi's software, or an imitation of it, run by somebody else
)

// Backend is what the address of a backend says.
type Backend struct {
	Kind Kind
	// Where is the address without credentials and parameters: what may be printed.
	Where string
	// Bucket, Region and Endpoint of an S3 store. Region is empty where the address names none, Endpoint for AWS's own.
	Bucket, Region, Endpoint string
	// Prefix is the folder in the bucket below which the state lies; empty for its root.
	Prefix string
	// Clear says that the way there is not encrypted.
	Clear bool
}

// OnAWS tells a store of Amazon's own.
func (b Backend) OnAWS() bool { return b.Kind == S3 && b.Endpoint == "" }

// Local tells a store on this machine.
func (b Backend) Local() bool {
	u, err := url.Parse(b.Endpoint)
	if err != nil || b.Endpoint == "" {
		return b.Kind == Folder || b.Kind == Memory
	}
	address, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && address.IsLoopback()
}

// bucketName keeps what is no name out of the addresses that are asked.
var bucketName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$`)

// Parse reads a backend's address as the engine does. Its errors do not quote the address, which may hold a credential.
func Parse(address string) (Backend, error) {
	address = strings.TrimSpace(address)
	if address == "" {
		return Backend{}, errors.New("backend: none is named; export PULUMI_BACKEND_URL, or run: pulumi login")
	}
	scheme, _, found := strings.Cut(address, "://")
	if !found {
		return Backend{}, errors.New("backend: its address has no scheme; write it as s3://bucket?region=eu-north-1")
	}
	if scheme == "file" { // a path, in which anything may stand
		return Backend{Kind: Folder, Where: address}, nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return Backend{}, errors.New("backend: its address cannot be read; write it as s3://bucket?region=eu-north-1")
	}
	b := Backend{Where: u.Scheme + "://" + u.Host + strings.TrimSuffix(u.Path, "/")}
	switch u.Scheme {
	case "s3":
		return parseS3(b, u)
	case "gs", "azblob":
		b.Kind = Objects
	case "postgres", "postgresql":
		b.Kind = Database
		b.Clear = !slices.Contains([]string{"require", "verify-ca", "verify-full"}, u.Query().Get("sslmode")) // the default only prefers TLS
	case "mem":
		b.Kind = Memory
	case "https", "http":
		b.Kind, b.Clear = Service, u.Scheme == "http"
		if host := u.Hostname(); host == "pulumi.com" || strings.HasSuffix(host, ".pulumi.com") {
			b.Kind = Cloud
		}
	default:
		return Backend{}, fmt.Errorf("backend: %q is no kind that the engine knows; use s3://", u.Scheme)
	}
	return b, nil
}

func parseS3(b Backend, u *url.URL) (Backend, error) {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil { // what the engine would not find either must not be taken for AWS
		return Backend{}, errors.New("backend: its parameters cannot be read; write it as s3://bucket?region=eu-north-1")
	}
	b.Kind, b.Bucket, b.Region = S3, u.Host, q.Get("region")
	b.Prefix = strings.Trim(path.Clean("/"+u.Path), "/")
	if !bucketName.MatchString(b.Bucket) {
		return Backend{}, errors.New("backend: its address names no bucket; write it as s3://bucket?region=eu-north-1")
	}
	endpoint := q.Get("endpoint")
	clear := isTrue(q.Get("disable_https")) || isTrue(q.Get("disableSSL"))
	if endpoint == "" {
		b.Clear = clear
		return b, nil
	}
	if !strings.Contains(endpoint, "://") {
		scheme := "https://"
		if clear {
			scheme = "http://"
		}
		endpoint = scheme + endpoint
	}
	at, err := url.Parse(endpoint)
	if err != nil || at.Host == "" || at.Scheme != "https" && at.Scheme != "http" {
		return Backend{}, errors.New("backend: its endpoint is no address; write it as endpoint=https://s3.example.org")
	}
	b.Endpoint = at.Scheme + "://" + at.Host
	b.Clear = at.Scheme == "http"
	if host := at.Hostname(); strings.HasSuffix(host, ".amazonaws.com") { // AWS's own, named by hand
		b.Endpoint = ""
		if name := awsHost.FindStringSubmatch(host); name != nil && b.Region == "" {
			b.Region = name[1]
		}
	}
	b.Where += " at " + at.Host
	return b, nil
}

// awsHost finds the region in the name of an endpoint of S3.
var awsHost = regexp.MustCompile(`^s3[.-](?:dualstack\.)?([a-z0-9-]+)\.amazonaws\.com$`)

func isTrue(value string) bool {
	is, err := strconv.ParseBool(value)
	return err == nil && is
}
