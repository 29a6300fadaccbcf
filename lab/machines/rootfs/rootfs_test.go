package rootfs

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/lagrum/lagrum/tests/golden"
)

// fakeNode assembles the upper layer with empty programs.
func fakeNode(t *testing.T) string {
	t.Helper()
	made := map[string]string{}
	for program, binaries := range map[string][]string{
		"kubernetes": {"kube"},
		"containerd": {"containerd", "containerd-shim-runc-v2", "ctr"},
		"cni":        {"bridge", "host-local", "loopback", "portmap"},
	} {
		made[program] = t.TempDir()
		for _, binary := range binaries {
			require.NoError(t, os.WriteFile(filepath.Join(made[program], binary), nil, 0o755))
		}
	}
	dir := t.TempDir()
	require.NoError(t, assemble(dir, made))
	return dir
}

func TestNodeTree(t *testing.T) {
	t.Parallel()
	dir := fakeNode(t)
	var tree strings.Builder
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, dir)
		if target, err := os.Readlink(path); err == nil {
			fmt.Fprintf(&tree, "link %s -> %s\n", name, target)
			return nil
		}
		fmt.Fprintf(&tree, "%04o %s\n", info.Mode().Perm(), name)
		return nil
	}))
	golden.Compare(t, "node.txt", tree.String())
}

// A link of the node that leads nowhere would be a unit that never starts or a program that is not there.
func TestNodeLinksResolve(t *testing.T) {
	t.Parallel()
	dir := fakeNode(t)
	links := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink == 0 {
			return err
		}
		links++
		target, err := os.Readlink(path)
		require.NoError(t, err)
		_, err = os.Stat(filepath.Join(dir, target))
		assert.NoError(t, err, "%s -> %s", path, target)
		return nil
	}))
	assert.Equal(t, 7, links)
}

func TestScriptsParse(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"bin/kubeadm", "sbin/lagrum-images", "sbin/lagrum-kernel"} {
		data, err := files.ReadFile("files/usr/local/" + script)
		require.NoError(t, err)
		check := exec.Command("sh", "-n")
		check.Stdin = strings.NewReader(string(data))
		text, err := check.CombinedOutput()
		assert.NoError(t, err, "%s: %s", script, text)
	}
}

func TestConfigurationParses(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"files/etc/cloud/cloud.cfg.d/90-lab.cfg", "files/etc/kubernetes/kubelet.conf.d/90-lab.conf"} {
		data, err := files.ReadFile(file)
		require.NoError(t, err)
		var parsed map[string]any
		assert.NoError(t, yaml.Unmarshal(data, &parsed), file)
		assert.NotEmpty(t, parsed, file)
	}
}
