// Package archive verifies an archive of logs under object lock: that every object is there, unchanged, in its place and
// locked for as long as its log class asks, and that nothing was put over it, marked as deleted or slipped in.
//
// It reads with a credential that can do nothing else. What it relies on is written in the objects and their names alone,
// see docs/archive.md: an auditor can do the same with sha256sum and zcat.
package archive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lagrum/lagrum/evidence/objectlock"
)

// Options say what to verify.
type Options struct {
	// Endpoint is the store's address: https://s3.example.org, or http:// on loopback.
	Endpoint string
	Region   string
	Bucket   string
	// Prefix narrows the walk: a class, a year, a day, a node. Empty: the whole bucket. Where it is narrower than a class, a
	// chain may begin and end anywhere.
	Prefix string
	// FloorDays is the lock that every version must have from when it was written, in days; CeilingDays the longest that it
	// may have, 0 where that is not judged.
	FloorDays, CeilingDays int
	Credentials            objectlock.Credentials
	// Limit bounds each request; 30 s when zero.
	Limit time.Duration
	// Earlier is the report of an earlier walk: what was the end of a chain then has to be there now.
	Earlier *Report
	// Each is told every unique id of a record that the archive holds; nil where nobody asks.
	Each func(uid string)
}

// requestLimit is the default of Options.Limit.
const requestLimit = 30 * time.Second

func (o Options) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := objectlock.CheckEndpoint(o.Endpoint); err != nil {
		errs = append(errs, err)
	}
	if o.Region == "" {
		bad("region: is empty; give the store's, often us-east-1 where it has none")
	}
	if o.Bucket == "" {
		bad("bucket: is empty; give the archive's, which lagrum stores prints")
	}
	if o.FloorDays < 1 {
		bad("floor: %d days; give the floor of the log class, which lagrum stores prints", o.FloorDays)
	}
	if o.CeilingDays != 0 && o.CeilingDays < o.FloorDays {
		bad("ceiling: %d days, which is less than the floor of %d", o.CeilingDays, o.FloorDays)
	}
	if o.Earlier != nil && (o.Earlier.Bucket != o.Bucket || o.Earlier.Prefix != o.Prefix) {
		bad("earlier report: is of bucket %q, prefix %q, and not of bucket %q, prefix %q", o.Earlier.Bucket, o.Earlier.Prefix, o.Bucket, o.Prefix)
	}
	return errors.Join(errs...)
}

// Verify walks the archive. An error says that it could not be walked; what is wrong with it is in the report.
func Verify(ctx context.Context, o Options) (Report, error) {
	if o.Limit == 0 {
		o.Limit = requestLimit
	}
	if err := o.validate(); err != nil {
		return Report{}, err
	}
	s, err := open(o)
	if err != nil {
		return Report{}, err
	}
	report, err := verify(ctx, o, s, time.Now().UTC())
	if err != nil {
		return report, fmt.Errorf("archive %s of %s: %w", o.Bucket, o.Endpoint, err)
	}
	return report, nil
}

func verify(ctx context.Context, o Options, s store, now time.Time) (Report, error) {
	w := &walk{options: o, store: s, now: now, seen: map[digest]bool{}, audits: map[digest]bool{}, chains: map[chainName][]*link{}, report: Report{
		Endpoint: o.Endpoint, Bucket: o.Bucket, Prefix: o.Prefix, FloorDays: o.FloorDays, CeilingDays: o.CeilingDays, At: now.Truncate(time.Second),
	}}
	if err := w.settings(ctx); err != nil {
		return w.report, err
	}
	if err := w.objects(ctx); err != nil {
		return w.report, err
	}
	w.judgeChains()
	w.compare()
	w.sort()
	return w.report, nil
}
