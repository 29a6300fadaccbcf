package archive

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
)

// digest is enough of a hash to tell ids apart.
type digest [16]byte

// walk is one verification.
type walk struct {
	options Options
	store   store
	now     time.Time
	report  Report
	seen    map[digest]bool // unique ids of records
	audits  map[digest]bool // ids of audit events, whatever their stage
	chains  map[chainName][]*link
}

// compliance is the one mode that nobody can lift.
const compliance = "COMPLIANCE"

func (w *walk) problem(kind Kind, v version, format string, args ...any) {
	w.report.Problems = append(w.report.Problems, Finding{Kind: kind, Key: v.key, Version: v.id, What: fmt.Sprintf(format, args...)})
}

func (w *walk) notice(kind Kind, key, format string, args ...any) {
	w.report.Notices = append(w.report.Notices, Finding{Kind: kind, Key: key, What: fmt.Sprintf(format, args...)})
}

// settings looks at what holds for what is written next.
func (w *walk) settings(ctx context.Context) error {
	found, err := w.store.settings(ctx)
	if err != nil {
		return err
	}
	if !found.versioned {
		w.problem(Setting, version{}, "the bucket keeps no versions")
	}
	if found.mode != compliance || found.days < w.options.FloorDays {
		w.problem(Setting, version{}, "the bucket locks by default for %d days in mode %q, and should for %d in mode %s",
			found.days, found.mode, w.options.FloorDays, compliance)
	}
	return nil
}

// objects looks at every version of every object.
func (w *walk) objects(ctx context.Context) error {
	var same []version // versions of one key
	flush := func() error {
		if len(same) == 0 {
			return nil
		}
		err := w.object(ctx, same)
		same = nil
		return err
	}
	err := w.store.versions(ctx, w.options.Prefix, func(v version) error {
		if len(same) > 0 && same[0].key != v.key {
			if err := flush(); err != nil {
				return err
			}
		}
		same = append(same, v)
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	return flush()
}

// object looks at the versions of one key. The original is the one whose content is what the key says.
func (w *walk) object(ctx context.Context, versions []version) error {
	key := versions[0].key
	named, ok := parse(key)
	w.report.Versions += len(versions)
	var original *version
	var unread error
	var content []byte
	var markers, foreign []version
	for _, v := range versions {
		if v.marker {
			markers = append(markers, v)
			continue
		}
		if !ok {
			w.problem(Unexpected, v, "is no object of an archive: its key is not <class>/<yyyy>/<mm>/<dd>/<cluster>/<node>/<sequence>-<hash>.jsonl.gz")
			continue
		}
		text, err := w.store.read(ctx, key, v.id)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			unread = err
			w.problem(Unreadable, v, "cannot be read: %v", err)
		case sum(text) != named.hash:
			foreign = append(foreign, v)
		case original == nil:
			original, content = &v, text
		default:
			w.notice(Again, key, "was put again, unchanged")
			if v.written.Before(original.written) {
				original = &v
			}
		}
	}
	stands, err := w.stands(ctx, original)
	if err != nil {
		return err
	}
	for _, v := range markers {
		w.problem(Marked, v, "was marked as deleted at %s; %s", v.written.UTC().Format(time.RFC3339), stands)
	}
	for _, v := range foreign {
		if original == nil {
			w.problem(Altered, v, "its content is not what its name says, and no version is")
		} else {
			w.problem(Overwritten, v, "something else was put over it at %s; %s", v.written.UTC().Format(time.RFC3339), stands)
		}
	}
	if original == nil {
		if ok && len(foreign) == 0 && unread == nil {
			w.problem(Missing, version{key: key}, "nothing but delete markers is left of it")
		}
		return nil
	}
	w.report.Objects++
	w.content(named, *original, content)
	return nil
}

// stands judges the lock of an original, and says in words how it stands.
func (w *walk) stands(ctx context.Context, original *version) (string, error) {
	if original == nil {
		return "no version of it is what its name says", nil
	}
	found, err := w.store.lock(ctx, original.key, original.id)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	floor := original.written.AddDate(0, 0, w.options.FloorDays)
	switch {
	case err != nil:
		w.problem(Unlocked, *original, "its lock cannot be read: %v", err)
		return "the original is readable, and its lock is not", nil
	case found.mode != compliance:
		w.problem(Unlocked, *original, "its lock has mode %q, and should have %s", found.mode, compliance)
		return "the original is readable, and NOT LOCKED", nil
	case found.until.Before(floor):
		w.problem(Short, *original, "is locked until %s, and should be until %s", found.until.UTC().Format(time.RFC3339), floor.UTC().Format(time.RFC3339))
	}
	// Writers lock for an hour more than the floor, which may be the ceiling as well.
	longest := max(w.options.CeilingDays, w.options.FloorDays+1)
	if w.options.CeilingDays > 0 && found.until.After(original.written.AddDate(0, 0, longest)) {
		w.problem(Long, *original, "is locked until %s, which is beyond the ceiling of %d days", found.until.UTC().Format(time.RFC3339), w.options.CeilingDays)
	}
	if found.until.Before(w.now) {
		return "the original is readable, and its lock has ended at " + found.until.UTC().Format(time.RFC3339), nil
	}
	return "the original is readable, and locked until " + found.until.UTC().Format(time.RFC3339), nil
}

// content looks into an object whose content is what its name says.
func (w *walk) content(named name, v version, content []byte) {
	h, err := unpack(content, w.count)
	if err != nil {
		w.problem(Malformed, v, "%v", err)
		return
	}
	if flaw := h.fits(named); flaw != "" {
		w.problem(Malformed, v, "%s", flaw)
		return
	}
	in := chainName{h.Class, h.Cluster, h.Node, h.Chain}
	w.chains[in] = append(w.chains[in], &link{version: v, hash: named.hash, header: h})
}

func (w *walk) count(e event) {
	w.report.Events++
	if e.Attributes.Flaw != "" {
		w.report.Flawed++
	}
	uid := e.Attributes.UID
	if uid == "" {
		return
	}
	w.report.Identified++
	if e.Resource.Source == "audit" {
		id, _, _ := strings.Cut(uid, "/")
		w.audits[short(id)] = true
		w.report.AuditIDs = len(w.audits)
	}
	of := short(e.Resource.Source + "\x00" + uid)
	if w.seen[of] {
		w.report.Duplicates++
		return
	}
	w.seen[of] = true
	w.report.Unique++
	if w.options.Each != nil {
		w.options.Each(uid)
	}
}

func short(text string) digest {
	full := sha256.Sum256([]byte(text))
	return digest(full[:16])
}
