package records

import (
	"context"
	"errors"
)

// RemoveOwned removes every object that owner, a Pulumi URN, made, by the remover of its kind, users before what they
// use. It returns the names of what it removed; none is fine.
func (s Store) RemoveOwned(ctx context.Context, owner string, removers map[string]func(context.Context, string) error) ([]string, error) {
	var removed []string
	var errs []error
	for _, kind := range []string{Members, Machines, Balancers, Firewalls, Networks} {
		names, err := s.Names(kind)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, name := range names {
			var record struct{ Owner string }
			err := s.Load(kind, name, &record)
			if errors.Is(err, ErrNotFound) || err == nil && record.Owner != owner {
				continue
			}
			if err == nil {
				err = removers[kind](ctx, name)
			}
			if err != nil && !errors.Is(err, ErrNotFound) {
				errs = append(errs, err)
				continue
			}
			removed = append(removed, kind+"/"+name)
		}
	}
	return removed, errors.Join(errs...)
}
