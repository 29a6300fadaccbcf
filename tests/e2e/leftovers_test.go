//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// host is what a lab could leave behind.
type host struct {
	Processes, Mounts, Interfaces, Tables, Namespaces, Groups, Routes, Files []string
}

// snapshot reads the host, but for what names another lab: several may stand side by side. Kernel threads and this test's
// own family come and go; only programs that a lab runs count, and whatever carries the lab's mark.
func snapshot(t *testing.T, lab string) host {
	t.Helper()
	ours := func(entries []string) []string {
		return slices.DeleteFunc(entries, func(entry string) bool { return anothers(entry, lab) })
	}
	files := dir(t, "/var/lib/lagrum")
	if others := slices.DeleteFunc(slices.Clone(files), func(f string) bool { return f == lab || strings.HasPrefix(f, "host.") }); len(others) > 0 {
		files = slices.DeleteFunc(files, func(f string) bool { return f != lab }) // what labs share stays while there is one
	}
	return host{
		Processes:  processes(t, lab),
		Mounts:     ours(lines(t, "cut", "-d ", "-f5", "/proc/self/mountinfo")),
		Interfaces: ours(dir(t, "/sys/class/net")),
		Tables:     ours(lines(t, "nft", "list", "tables")),
		Namespaces: ours(lines(t, "ip", "netns", "list")),
		Groups:     ours(groups(t)),
		Routes:     ours(lines(t, "ip", "-o", "route")),
		Files:      files,
	}
}

// labName finds the name of a lab in a path, an interface, a firewall table or an environment.
var labName = regexp.MustCompile(`(?:/lagrum/|\blgr-|\bvb-|\blagrum_|\bLAGRUM_LAB=)([a-z][a-z0-9]{0,7})`)

// anothers tells what names a lab, and not this one.
func anothers(entry, lab string) bool {
	names := labName.FindAllStringSubmatch(entry, -1)
	return len(names) > 0 && !slices.ContainsFunc(names, func(m []string) bool { return m[1] == lab })
}

var labPrograms = map[string]bool{
	"systemd-nspawn": true, "systemd": true, "haproxy": true, "containerd": true, "kubelet": true, "kube": true, "etcd": true,
	"kube-apiserver": true, "kube-controller": true, "kube-scheduler": true, "containerd-shim": true, "kwok": true, "pulumi": true,
	"pulumi-resource": true, "pulumi-language": true, "lagrum-program": true, "flanneld": true, "kube-router": true, "coredns": true, "pause": true,
}

func processes(t *testing.T, lab string) []string {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*/comm")
	require.NoError(t, err)
	found := []string{}
	for _, e := range entries {
		text, err := os.ReadFile(e)
		if err != nil {
			continue // ended meanwhile
		}
		// The dead that their parent has yet to reap are no leftovers of ours.
		if status, err := os.ReadFile(filepath.Join(filepath.Dir(e), "status")); err != nil || strings.Contains(string(status), "\nState:\tZ") {
			continue
		}
		// The kernel cuts names at 15 bytes.
		name := strings.TrimSpace(string(text))
		environment, _ := os.ReadFile(filepath.Join(filepath.Dir(e), "environ")) // it may have ended meanwhile
		if strings.Contains(string(environment), "LAGRUM_LAB_PROCESS="+lab+"/") {
			found = append(found, name)
			continue
		}
		groups, _ := os.ReadFile(filepath.Join(filepath.Dir(e), "cgroup"))
		if anothers(strings.ReplaceAll(string(environment), "\x00", "\n")+string(groups), lab) {
			continue
		}
		for program := range labPrograms {
			if name == program || (len(name) == 15 && strings.HasPrefix(program, name)) {
				found = append(found, name)
			}
		}
	}
	sort.Strings(found)
	return found
}

func lines(t *testing.T, name string, args ...string) []string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		// A tool that the host lacks before the first lab has nothing to list.
		_, missing := exec.LookPath(name)
		require.Error(t, missing, "%s %v: %v", name, args, err)
		return []string{}
	}
	found := strings.Split(strings.TrimSpace(string(out)), "\n")
	sort.Strings(found)
	if found[0] == "" {
		return []string{}
	}
	return found
}

func dir(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if os.IsNotExist(err) {
		return []string{}
	}
	require.NoError(t, err)
	found := []string{}
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}

func groups(t *testing.T) []string {
	t.Helper()
	found := []string{}
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(path, "lagrum") {
			found = append(found, path)
		}
		return nil
	})
	require.NoError(t, err)
	return found
}

func requireNothingLeft(t *testing.T, lab string, before host) {
	t.Helper()
	// The kernel takes network namespaces and routes apart in its own time.
	for range 15 {
		if reflect.DeepEqual(before, snapshot(t, lab)) {
			return
		}
		time.Sleep(time.Second)
	}
	require.Equal(t, before, snapshot(t, lab), "make down left something behind, or took something away")
}
