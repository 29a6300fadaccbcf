package artifacts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Cost is what making the artifact called name is expected to take: the processor time of the costliest build that this cache has seen, or assumed when it
// has seen none. Processor time does not depend on what else was running; of a build that runs no commands it is the elapsed time.
//
// The costliest build is the one that started from nothing: a later one finds most packages in Go's own build cache.
func (s *Store) Cost(name string, assumed time.Duration) time.Duration {
	costs, err := s.readCosts()
	if err != nil || costs[name] == 0 {
		return assumed
	}
	return time.Duration(costs[name]) * time.Second
}

// readCosts reads the measured costs: whole seconds by artifact.
func (s *Store) readCosts() (map[string]int64, error) {
	costs := map[string]int64{}
	data, err := os.ReadFile(s.costsPath())
	if errors.Is(err, fs.ErrNotExist) {
		return costs, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &costs); err != nil {
		return nil, fmt.Errorf("%s: %w; remove it, it only serves estimates", s.costsPath(), err)
	}
	return costs, nil
}

func (s *Store) costsPath() string { return filepath.Join(s.dir, "costs.json") }

// noteCost keeps the cost of a build for later estimates.
func (s *Store) noteCost(name string, cost time.Duration) error {
	unlock, err := lock(context.Background(), filepath.Join(s.dir, "locks", "costs.json.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	costs, err := s.readCosts()
	if err != nil {
		return err
	}
	costs[name] = max(costs[name], int64(cost.Round(time.Second)/time.Second), 1)
	data, err := json.MarshalIndent(costs, "", "  ")
	if err != nil {
		return err
	}
	next := s.costsPath() + ".next"
	if err := os.WriteFile(next, append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(next, s.costsPath())
}

// addUsed counts processor time for an artifact that is being made.
func (s *Store) addUsed(name string, used time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[name] += used
}

// takeUsed returns the processor time counted for name and starts over.
func (s *Store) takeUsed(name string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := s.used[name]
	delete(s.used, name)
	return used
}
