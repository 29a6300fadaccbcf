package objectlock

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
)

// run is one preflight.
type run struct {
	*store
	eyes     *store    // that look at what became of canaries: the attacker's own, unless it cannot read
	subjects []Subject // the canaries that are attacked one by one
	expired  string    // what the attack by lifecycle is aimed at, a prefix
	given    bool      // the canary is somebody's object: none is put in its place, and what hides it stays
	prefix   string    // of this run's objects
	put      int       // objects put so far
	made     bool      // the bucket, by this run
	expires  bool      // the store takes lifecycle rules
	canaries map[Subject]*canary
	findings []Finding
}

func (r *run) note(f Finding) { r.findings = append(r.findings, f) }

// noteOnce keeps the first finding of a check, or a later one that fails.
func (r *run) noteOnce(f Finding) {
	same := func(other Finding) bool { return other.ID == f.ID && other.Kind == f.Kind && other.On == f.On }
	i := slices.IndexFunc(r.findings, same)
	switch {
	case i < 0:
		r.note(f)
	case f.Verdict != Holds && r.findings[i].Verdict == Holds:
		r.findings[i] = f
	}
}

// explain makes an error of an answer that ends the preflight, with what to do about it.
func (r *run) explain(a Answer) error {
	var unknown x509.UnknownAuthorityError
	var misnamed x509.HostnameError
	switch {
	case errors.Is(a.Err, context.Canceled):
		return a.Err
	case a.Err != nil && isTimeout(a.Err):
		return fmt.Errorf("no answer within %s; check the address, the way there, and the store's load", r.limit)
	case errors.As(a.Err, &unknown), errors.As(a.Err, &misnamed):
		return fmt.Errorf("its certificate is not trusted: %w; name its authority by SSL_CERT_FILE, or use the host name that it certifies", a.Err)
	case a.Err != nil:
		return fmt.Errorf("cannot be reached: %w; check the address, its scheme, and the way there", a.Err)
	}
	switch a.Code {
	case "InvalidAccessKeyId", "InvalidAccessKeyID", "SignatureDoesNotMatch", "InvalidAccessKey":
		return fmt.Errorf("the credential is wrong (%s); check the access key's id and its secret, and that they are this store's", a.Code)
	case "RequestTimeTooSkewed", "RequestTimeTooSkew":
		_, skew := r.tape.last()
		return fmt.Errorf("clock skew: the store's clock is %s from this machine's and it refuses the request (%s); set both by the site's time source",
			skew.Round(time.Second), a.Code)
	case "AuthorizationHeaderMalformed", "InvalidRegion", "PermanentRedirect", "IllegalLocationConstraintException", "InvalidLocationConstraint":
		return fmt.Errorf("region: is not the store's (%s); its message says which is", a.full())
	case "BucketAlreadyExists":
		return fmt.Errorf("bucket %s: belongs to somebody else (%s); give another name that ends in %s", r.bucket, a.Code, bucketSuffix)
	case "AccessDenied":
		return fmt.Errorf("the credential is known and may not do this (%s); the preflight needs the strongest there is, since a refusal to a weak one proves nothing", a.full())
	}
	if a.notOffered() {
		return fmt.Errorf("no object lock: the store does not offer it (%s); an archive needs one that does", a.full())
	}
	return errors.New(a.full())
}

// prepare makes or checks the canary bucket. It changes nothing in a bucket that may be somebody's.
func (r *run) prepare(ctx context.Context) error {
	// The listing comes first: some stores answer other questions about a bucket that is not there.
	all, answer := r.versions(ctx, "")
	switch {
	case answer.Code == "NoSuchBucket":
		return r.makeBucket(ctx)
	case !answer.ok():
		return r.explain(answer)
	}
	for _, v := range all {
		if !strings.HasPrefix(v.Key, canaryPrefix) {
			return fmt.Errorf("bucket %s: holds %q, which is no canary; the preflight attacks the whole bucket, so give it one of its own that ends in %s",
				r.bucket, v.Key, bucketSuffix)
		}
	}
	enabled, days, answer := r.lockConfig(ctx)
	switch {
	case answer.Code == "ObjectLockConfigurationNotFoundError" || answer.ok() && !enabled:
		return fmt.Errorf("bucket %s: has no object lock, which only a new bucket can get everywhere; remove it, or give another name that ends in %s",
			r.bucket, bucketSuffix)
	case !answer.ok():
		return r.explain(answer)
	case days > 1:
		return fmt.Errorf("bucket %s: locks objects for %d days by default, so it is no canary bucket, which locks for one; give another name", r.bucket, days)
	}
	// Canaries of earlier runs, whose lock has ended.
	for _, v := range all {
		if v.LastModified.Add(lockTime + time.Hour).Before(r.now()) {
			r.remove(ctx, v.Key, minio.RemoveObjectOptions{VersionID: v.VersionID})
		}
	}
	return nil
}

func (r *run) makeBucket(ctx context.Context) error {
	answer := r.ask(ctx, func(ctx context.Context) error {
		return r.client.MakeBucket(ctx, r.bucket, minio.MakeBucketOptions{ObjectLocking: true})
	})
	if !answer.ok() {
		return fmt.Errorf("make bucket %s with object lock: %w", r.bucket, r.explain(answer))
	}
	r.made = true
	enabled, _, answer := r.lockConfig(ctx)
	if enabled {
		return nil
	}
	err := fmt.Errorf("no object lock: a bucket was asked for with it and has none (%s); an archive needs a store that has", answer.full())
	if removed := r.removeBucket(ctx, false); !removed.ok() {
		err = fmt.Errorf("%w; bucket %s is left (%s)", err, r.bucket, removed.full())
	}
	return err
}

func (r *run) lockConfig(ctx context.Context) (enabled bool, days uint, answer Answer) {
	answer = r.ask(ctx, func(ctx context.Context) error {
		lock, _, validity, unit, err := r.client.GetObjectLockConfig(ctx, r.bucket)
		enabled = lock == "Enabled"
		if validity != nil && unit != nil {
			if days = *validity; *unit == minio.Years {
				days *= 365
			}
		}
		return err
	})
	return enabled, days, answer
}

// Remains is what a preflight leaves: versions that the store keeps until their lock ends, as it should.
type Remains struct {
	Versions int
	Bytes    int64
	// Until is when the last lock ends; zero when nothing is left.
	Until time.Time
	// Expires tells that a lifecycle rule removes them then.
	Expires bool
}

// restore gives the bucket its one-day default and a rule that clears it, removes what is not locked, and tells what stays
// and what could not be restored.
func (r *run) restore(ctx context.Context) (Remains, []string) {
	var failed []string
	expect := func(what string, a Answer) {
		if !a.ok() {
			failed = append(failed, fmt.Sprintf("%s: %s", what, a.full()))
		}
	}
	expect("set the bucket's default to one day again", r.lockByDefault(ctx, minio.Compliance))
	if r.expires {
		expect("set the lifecycle rule that removes canaries", r.expire(ctx, ending()))
	}
	all, answer := r.versions(ctx, r.prefix)
	expect("list what is left", answer)
	left := Remains{Expires: r.expires}
	for _, v := range all {
		if v.IsDeleteMarker {
			expect("remove a delete marker", r.remove(ctx, v.Key, minio.RemoveObjectOptions{VersionID: v.VersionID}))
			continue
		}
		_, until, answer := r.retention(ctx, v.Key, v.VersionID)
		if !answer.ok() || until.IsZero() {
			until = v.LastModified.Add(lockTime)
		}
		if r.remove(ctx, v.Key, minio.RemoveObjectOptions{VersionID: v.VersionID, GovernanceBypass: true}).ok() {
			continue
		}
		left.Versions++
		left.Bytes += v.Size
		if until.After(left.Until) {
			left.Until = until
		}
	}
	if r.made && answer.ok() && left.Versions == 0 {
		expect("remove the bucket", r.removeBucket(ctx, false))
	}
	return left, failed
}

func (r *run) expire(ctx context.Context, rule lifecycle.Rule) Answer {
	rule.Status, rule.RuleFilter = "Enabled", lifecycle.Filter{Prefix: r.expired}
	return r.ask(ctx, func(ctx context.Context) error {
		return r.client.SetBucketLifecycle(ctx, r.bucket, &lifecycle.Configuration{Rules: []lifecycle.Rule{rule}})
	})
}

// ending is the rule that removes canaries once they may go.
func ending() lifecycle.Rule {
	return lifecycle.Rule{ID: "canaries-end", Expiration: lifecycle.Expiration{Days: 1},
		NoncurrentVersionExpiration: lifecycle.NoncurrentVersionExpiration{NoncurrentDays: 1}}
}
