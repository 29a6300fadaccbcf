// Package archive is an exporter that writes logs to an archive under object lock, and loses none.
//
// A batch is on disk before the receiver hears that it was taken, so that a receiver which asks again after a crash misses
// nothing. When the disk's share is full, the exporter keeps the receiver waiting. Every object is locked by the request
// that makes it, never put over another, and counts as written only once its lock was read back. Each is linked to the one
// before by a hash, see docs/archive.md.
package archive

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
)

// Config of one log class. It holds no credential: the two files do.
type Config struct {
	// Class of the logs, the first part of every object's name.
	Class string `mapstructure:"class"`
	// FloorDays is how long every object is locked, in days.
	FloorDays int `mapstructure:"floor_days"`
	// Cluster and Node tell whose logs these are.
	Cluster string `mapstructure:"cluster"`
	Node    string `mapstructure:"node"`

	// Endpoint of the store: https://s3.example.org, or http:// on loopback.
	Endpoint string `mapstructure:"endpoint"`
	Region   string `mapstructure:"region"`
	Bucket   string `mapstructure:"bucket"`
	// KeyIDFile and KeyFile hold the two halves of the credential. They are read for every object, so that a new
	// credential needs no restart.
	KeyIDFile string `mapstructure:"key_id_file"`
	KeyFile   string `mapstructure:"key_file"`

	// Directory holds what was taken and is not in the archive yet, and where the chain stands. It outlives the collector.
	Directory string `mapstructure:"directory"`
	// SpoolBytes is how much may wait in it before receivers have to, in bytes.
	SpoolBytes int64 `mapstructure:"spool_bytes"`
	// ObjectBytes is how much goes into one object, in bytes before compression.
	ObjectBytes int64 `mapstructure:"object_bytes"`
	// Interval is the longest that a line waits for others to share its object.
	Interval time.Duration `mapstructure:"interval"`
	// RequestLimit bounds each request to the store, RetryLimit the pause between two tries. Nothing bounds the tries.
	RequestLimit time.Duration `mapstructure:"request_limit"`
	RetryLimit   time.Duration `mapstructure:"retry_limit"`
}

func defaults() component.Config {
	return &Config{SpoolBytes: 1 << 30, ObjectBytes: 4 << 20, Interval: 10 * time.Second, RequestLimit: time.Minute, RetryLimit: 30 * time.Second}
}

var (
	_ component.Config = (*Config)(nil)

	// part is what a name may be that becomes part of an object's.
	part       = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
)

// Validate reports every mistake at once. It quotes no value that could hold a credential.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, named := range []struct{ key, value string }{{"class", c.Class}, {"cluster", c.Cluster}, {"node", c.Node}} {
		if !part.MatchString(named.value) {
			bad("%s %q: want small letters, digits, dots and dashes; it becomes part of every object's name", named.key, named.value)
		}
	}
	if c.FloorDays < 1 {
		bad("floor_days %d: want at least 1; give the floor of the log class", c.FloorDays)
	}
	switch u, err := url.Parse(c.Endpoint); {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		bad("endpoint: is no address; give one such as https://s3.example.org")
	case u.User != nil:
		bad("endpoint: holds a credential; leave it out of the address")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
		bad("endpoint: has a path; give the host alone, the bucket is told apart")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		bad("endpoint: without TLS anyone between could read the logs and answer for the store; use https:// (http:// is for loopback)")
	}
	if c.Region == "" {
		bad("region: is empty; give the store's, often us-east-1 where it has none")
	}
	if !bucketName.MatchString(c.Bucket) {
		bad("bucket %q: is no name of a bucket", c.Bucket)
	}
	for _, file := range []struct{ key, value string }{{"key_id_file", c.KeyIDFile}, {"key_file", c.KeyFile}, {"directory", c.Directory}} {
		if !filepath.IsAbs(file.value) {
			bad("%s: want an absolute path", file.key)
		}
	}
	if c.ObjectBytes < 1<<10 || c.ObjectBytes > 64<<20 {
		bad("object_bytes %d: want 1 KiB to 64 MiB; an object is made in memory", c.ObjectBytes)
	}
	if c.SpoolBytes < c.ObjectBytes {
		bad("spool_bytes %d: want at least object_bytes, %d", c.SpoolBytes, c.ObjectBytes)
	}
	if c.Interval <= 0 || c.RequestLimit <= 0 || c.RetryLimit <= 0 {
		bad("interval, request_limit, retry_limit: want more than nothing")
	}
	return errors.Join(errs...)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
