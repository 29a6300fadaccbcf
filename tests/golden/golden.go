// Package golden compares what a test made with a file that a reviewer reads.
//
// It knows nothing of Pulumi, so that pure packages use it too.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
)

var update = flag.Bool("update", false, "rewrite golden files, and still fail")

// Compare fails the test unless the file testdata/<name> holds exactly got.
//
// With -update the file is rewritten and the test still fails: nobody updates and passes in one breath, and one run
// updates every file.
func Compare(t testing.TB, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatalf("golden %s: %v", file, err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatalf("golden %s: %v", file, err)
		}
		t.Errorf("golden %s: written; read the difference, then run the test without -update", file)
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Errorf("golden %s: %v; write it with: go test -run '^%s$' . -update", file, err, t.Name())
		return
	}
	if !assert.Equal(t, string(want), got) {
		t.Errorf("golden %s differs; if the change is meant: go test -run '^%s$' . -update", file, t.Name())
	}
}
