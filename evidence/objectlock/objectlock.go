// Package objectlock attacks a canary object to learn whether an S3 store keeps what object lock promises.
//
// A store may say that it locks objects and still let a lock be shortened, so its word proves nothing: the preflight puts
// small objects under COMPLIANCE lock for a day, tries with the strongest credential at hand to delete, hide, shorten and
// expire them, and looks at the objects after every try. Judge calls the store an archive only if nothing weakened a lock
// and the same credential could do the harmless twin of each attack: a refusal by someone without rights shows nothing.
//
// It is evidence and not part of providers/objectstore: it proves a capability of something that runs, it is used again on
// a running cluster's own credentials, and no program that declares resources should carry an S3 client. So only
// cmd/lagrum imports it.
package objectlock

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/lagrum/lagrum/stacks/site"
)

// Options say which store to attack, and as whom.
type Options struct {
	// Endpoint is the store's address: https://s3.example.org, or http:// on loopback.
	Endpoint string
	Region   string
	// Bucket is the canary bucket. Its name ends in -canary, it is made when missing, and it holds nothing but canaries:
	// its defaults, lifecycle and versioning are attacked too, which an archive must never see.
	Bucket      string
	Credentials Credentials
	// Limit bounds each request; 30 s when zero.
	Limit time.Duration
}

// Credentials of the attacker, the strongest that exist for the store. Both halves are of a type that nothing prints.
type Credentials struct {
	KeyID, Key site.Secret
}

// lockTime is how long canaries are locked: the shortest that a bucket's default can be.
const lockTime = 24 * time.Hour

// canaryPrefix is where all canaries are.
const canaryPrefix = "lagrum-preflight/"

// bucketSuffix keeps an archive's name from being given by mistake.
const bucketSuffix = "-canary"

// requestLimit is the default of Options.Limit.
const requestLimit = 30 * time.Second

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// validate reports every mistake at once. It quotes no value that could hold a credential.
func (o Options) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := CheckEndpoint(o.Endpoint); err != nil {
		errs = append(errs, err)
	}
	if o.Region == "" {
		bad("region: is empty; give the store's, often us-east-1 where it has none")
	}
	if !bucketName.MatchString(o.Bucket) {
		bad("bucket %q: is no bucket name; use 3 to 63 lower-case letters, digits and dashes", o.Bucket)
	} else if !strings.HasSuffix(o.Bucket, bucketSuffix) {
		bad("bucket %q: is attacked, so it must never be an archive; name a bucket of its own that ends in %s", o.Bucket, bucketSuffix)
	}
	if o.Credentials.KeyID.Reveal() == "" {
		bad("credential: the access key's id is empty")
	}
	if o.Credentials.Key.Reveal() == "" {
		bad("credential: the secret access key is empty")
	}
	return errors.Join(errs...)
}

// CheckEndpoint says what is wrong with the address of a store. It quotes none that could hold a credential.
func CheckEndpoint(endpoint string) error {
	switch u, err := url.Parse(endpoint); {
	case endpoint == "":
		return errors.New("endpoint: is empty; give the store's address, such as https://s3.example.org")
	case err != nil:
		return errors.New("endpoint: is no address; give one such as https://s3.example.org")
	case u.User != nil:
		return errors.New("endpoint: holds a credential; leave it out of the address")
	case u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("endpoint %q: want https:// and a host, such as https://s3.example.org", endpoint)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
		return fmt.Errorf("endpoint %q: has a path; give the host alone, the bucket is told apart", endpoint)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("endpoint %q: without TLS anyone between could answer for the store; use https:// (http:// is for loopback)", endpoint)
	}
	return nil
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && address.IsLoopback()
}

// Run attacks canaries in the canary bucket and reports what became of each attack. An error means that the store could
// not be tried to the end; the report then holds what was learnt until there. Either way the bucket gets its one-day
// default back and whatever may go is removed.
func Run(ctx context.Context, o Options) (report Report, err error) {
	if err := o.validate(); err != nil {
		return Report{}, err
	}
	if o.Limit == 0 {
		o.Limit = requestLimit
	}
	s, err := open(o)
	if err != nil {
		return Report{}, err
	}
	id := make([]byte, 4)
	if _, err := rand.Read(id); err != nil {
		return Report{}, err
	}
	r := &run{store: s, eyes: s, subjects: canaries, expired: canaryPrefix, prefix: canaryPrefix + hex.EncodeToString(id) + "/", canaries: map[Subject]*canary{}}
	report = Report{Endpoint: o.Endpoint, Region: o.Region, Bucket: o.Bucket}
	if err := r.prepare(ctx); err != nil {
		return report, fmt.Errorf("object lock of %s: %w", o.Endpoint, err)
	}
	defer func() {
		// Also after an interrupt: the bucket must not be left with the defaults of the attacks.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*o.Limit)
		defer cancel()
		report.Remains, report.Unrestored = r.restore(ctx)
		report.Findings = r.findings
	}()
	if err := r.attack(ctx); err != nil {
		return report, fmt.Errorf("object lock of %s: %w", o.Endpoint, err)
	}
	return report, nil
}

// isTimeout tells a request that ran out of its time.
func isTimeout(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}
