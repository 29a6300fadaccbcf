//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
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

// snapshot reads the host. Kernel threads and this test's own family come and go; only programs that a lab runs count.
func snapshot(t *testing.T) host {
	t.Helper()
	return host{
		Processes:  processes(t),
		Mounts:     lines(t, "cut", "-d ", "-f5", "/proc/self/mountinfo"),
		Interfaces: dir(t, "/sys/class/net"),
		Tables:     lines(t, "nft", "list", "tables"),
		Namespaces: lines(t, "ip", "netns", "list"),
		Groups:     groups(t),
		Routes:     lines(t, "ip", "-o", "route"),
		Files:      dir(t, "/var/lib/lagrum"),
	}
}

var labPrograms = map[string]bool{
	"systemd-nspawn": true, "systemd": true, "haproxy": true, "containerd": true, "kubelet": true, "kube": true, "etcd": true,
	"kube-apiserver": true, "kube-controller": true, "kube-scheduler": true, "containerd-shim": true, "kwok": true, "pulumi": true,
	"pulumi-resource": true, "pulumi-language": true, "lagrum-program": true, "flanneld": true, "kube-router": true, "coredns": true, "pause": true,
	// What builds is ended too. Tests that build run under go themselves, so go is not among these.
	"compile": true, "link": true, "asm": true, "cgo": true, "cc1": true, "mmdebstrap": true, "apt-get": true,
}

func processes(t *testing.T) []string {
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

func requireNothingLeft(t *testing.T, before host) {
	t.Helper()
	// The kernel takes network namespaces and routes apart in its own time.
	for range 15 {
		if reflect.DeepEqual(before, snapshot(t)) {
			return
		}
		time.Sleep(time.Second)
	}
	require.Equal(t, before, snapshot(t), "make down left something behind, or took something away")
}
