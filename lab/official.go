package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lagrum/lagrum/lab/records"
)

// official finds an official plugin: one on the caller's PATH that is not the lab's own, or one installed in the
// caller's Pulumi home. There is no official plugin named lab.
func (l *Lab) official(name string) (string, bool) {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if dir == l.bin() || dir == filepath.Join(l.Checkout, "bin") {
			continue
		}
		candidate := filepath.Join(dir, name)
		if l.foreign(candidate) {
			return candidate, true
		}
	}
	kind, pkg, isPlugin := pluginName(name)
	if !isPlugin {
		return "", false
	}
	home := os.Getenv("PULUMI_HOME")
	if home == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return "", false
		}
		home = filepath.Join(user, ".pulumi")
	}
	installed, err := filepath.Glob(filepath.Join(home, "plugins", kind+"-"+pkg+"-v*", name))
	if err != nil {
		return "", false
	}
	for _, candidate := range installed {
		if l.foreign(candidate) {
			return candidate, true
		}
	}
	return "", false
}

// foreign tells whether a file exists and is none of ours: in a shell of a lab, PATH and Pulumi home lead to links to
// the stand-ins.
func (l *Lab) foreign(path string) bool {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	if self, err := os.Executable(); err == nil && target == self {
		return false
	}
	for _, own := range []string{filepath.Join(l.Checkout, "bin"), l.Cache} {
		if strings.HasPrefix(target, own+string(filepath.Separator)) {
			return false
		}
	}
	return true
}

func pluginName(binary string) (kind, pkg string, ok bool) {
	for _, kind := range []string{"resource", "language"} {
		if pkg, ok := strings.CutPrefix(binary, "pulumi-"+kind+"-"); ok {
			return kind, pkg, true
		}
	}
	return "", "", false
}

// checkPlugins refuses to run a stack with other plugins than the ones that made its state: stand-ins and official
// plugins record what they know of a resource differently.
func (l *Lab) checkPlugins(used map[string]string) error {
	record := filepath.Join(l.State, "plugins.txt")
	var lines []string
	for _, p := range standIns {
		lines = append(lines, p.name+" "+used[p.name])
	}
	now := strings.Join(lines, "\n") + "\n"
	before, err := os.ReadFile(record)
	if errors.Is(err, fs.ErrNotExist) {
		return records.WriteFile(record, []byte(now), 0o600)
	}
	if err != nil {
		return err
	}
	if string(before) != now {
		return fmt.Errorf("lab %s: its state was made with other plugins:\n%snow found:\n%sbring the former plugins back, or run: make down", l.Name, before, now)
	}
	return nil
}
