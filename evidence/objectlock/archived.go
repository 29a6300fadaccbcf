package objectlock

import (
	"context"
	"fmt"

	"github.com/minio/minio-go/v7"
)

// Version is a version of an object that somebody wrote.
type Version struct{ Key, ID string }

// AttackArchived does to a version of an archive what Run does to its canaries, with a credential that need not be strong:
// it shows what that one can do. What became of the version is looked at with another credential, which can read.
//
// It restores nothing. Whoever may, changes the bucket's settings, and an overwrite or a delete marker stays: the archive
// has to be one that was made for it.
func AttackArchived(ctx context.Context, attacker, reader Options, v Version) ([]Finding, error) {
	s, err := openAny(attacker)
	if err != nil {
		return nil, err
	}
	eyes, err := openAny(reader)
	if err != nil {
		return nil, err
	}
	kept, answer := eyes.get(ctx, v.Key, v.ID)
	if !answer.ok() {
		return nil, fmt.Errorf("read what will be attacked: %s", answer.full())
	}
	mode, until, answer := eyes.retention(ctx, v.Key, v.ID)
	if !answer.ok() || mode != minio.Compliance {
		return nil, fmt.Errorf("read the lock of what will be attacked: mode %q, %s", mode, answer.full())
	}
	c := &canary{on: Archived, key: v.Key, version: v.ID, until: until, dated: true, content: kept}
	r := &run{
		store: s, eyes: eyes, subjects: []Subject{Archived}, expired: v.Key, given: true, prefix: v.Key + "-later-",
		canaries: map[Subject]*canary{Archived: c, OwnDate: c, ByDefault: c},
	}
	steps := append([]step{
		r.canaryAttacks(r.onVersion()),
		r.suspend,
		r.expireAll,
		r.canaryAttacks(r.onObject()),
		r.bucketAttack("policy", func(ctx context.Context) []Answer { return []Answer{r.unclose(ctx)} }),
	}, r.last()...)
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return r.findings, fmt.Errorf("attack %s: %w", v.Key, err)
		}
		if r.canaries[Archived] == nil || r.canaries[OwnDate] == nil || r.canaries[ByDefault] == nil {
			return r.findings, nil // it was harmed, and there is no other
		}
	}
	return r.findings, nil
}

// openAny opens a bucket of any name.
func openAny(o Options) (*store, error) {
	if err := CheckEndpoint(o.Endpoint); err != nil {
		return nil, err
	}
	if o.Limit == 0 {
		o.Limit = requestLimit
	}
	return open(o)
}

// unclose takes the bucket's policy away.
func (r *run) unclose(ctx context.Context) Answer {
	return r.ask(ctx, func(ctx context.Context) error { return r.client.SetBucketPolicy(ctx, r.bucket, "") })
}
