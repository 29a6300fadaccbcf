package artifacts

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// toolPackages are the Debian packages of the network tools; their dependencies come along.
func toolPackages() []string {
	return []string{
		"busybox-static",  // the shell and the small commands that a script in flannel's image uses, and ip
		"conntrack",       // shows connections when something does not get through
		"ipset",           // kube-router's sets of pod addresses
		"iptables",        // the rules of flannel and kube-router
		"nftables",        // kube-proxy's rules
		"wireguard-tools", // shows whether flannel's tunnels are encrypted
	}
}

// toolLinks are commands that Debian makes when a package is configured, which nothing does here: link by target.
func toolLinks() map[string]string {
	links := map[string]string{"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
	for _, command := range []string{"iptables", "iptables-restore", "iptables-save", "ip6tables", "ip6tables-restore", "ip6tables-save"} {
		links["usr/sbin/"+command] = "xtables-nft-multi"
	}
	for _, applet := range strings.Fields("awk cat chmod cp cut date echo env grep head id ip ln ls mkdir mktemp mv nslookup ps rm sed sh sleep sort tail test touch tr wc wget") {
		links["usr/bin/"+applet] = "busybox"
	}
	return links
}

const (
	toolsArtifact = "network-tools"
	toolsRecipe   = "network tools 1"
	toolsCost     = 20 * time.Second
)

// NetworkTools returns the directory that holds layer.tar, the image layer of the network tools, and makes it first when the cache does not hold it: from
// the host's Debian archive, without installing anything on the host.
func (s *Store) NetworkTools(ctx context.Context) (string, error) {
	return s.Derived(ctx, toolsArtifact, s.toolInputs(), func(dir string) error { return s.packTools(ctx, dir) })
}

// toolInputs is what the network tools depend on.
func (s *Store) toolInputs() []string {
	return append([]string{toolsRecipe, runtime.GOARCH, fmt.Sprint(toolLinks())}, toolPackages()...)
}

func (s *Store) packTools(ctx context.Context, dir string) error {
	scratch := filepath.Join(filepath.Dir(dir), "packages")
	if err := os.MkdirAll(filepath.Join(scratch, "partial"), 0o755); err != nil {
		return err
	}
	// An empty status file makes apt believe that nothing is installed, so that it fetches every dependency.
	status := filepath.Join(scratch, "status")
	if err := os.WriteFile(status, nil, 0o644); err != nil {
		return err
	}
	fetch := func() error {
		return s.Run(ctx, toolsArtifact, exec.Command("apt-get", append([]string{
			"-o", "Dir::State::status=" + status,
			"-o", "Dir::Cache=" + scratch, "-o", "Dir::Cache::archives=" + scratch,
			"-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root", "-o", "APT::Install-Recommends=false",
			"--assume-yes", "--download-only", "install",
		}, toolPackages()...)...))
	}
	if err := fetch(); err != nil {
		// A fresh host has no package lists, and an old one lists packages that are gone.
		if updated := s.Run(ctx, toolsArtifact, exec.Command("apt-get", "update")); updated != nil {
			return fmt.Errorf("fetch Debian packages: %w", errors.Join(err, updated))
		}
		if err := fetch(); err != nil {
			return fmt.Errorf("fetch Debian packages: %w", err)
		}
	}
	packages, err := filepath.Glob(filepath.Join(scratch, "*.deb"))
	if err != nil {
		return err
	}
	entries := map[string]entry{}
	for _, file := range packages {
		var contents bytes.Buffer
		unpack := exec.Command("dpkg-deb", "--fsys-tarfile", file)
		unpack.Stdout = &contents
		if err := s.Run(ctx, toolsArtifact, unpack); err != nil {
			return err
		}
		if err := addTools(entries, &contents); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
	}
	for name, target := range toolLinks() {
		entries[name] = entry{link: target}
	}
	if err := checkLinks(entries); err != nil {
		return err
	}
	return writeLayerFile(filepath.Join(dir, "layer.tar"), entries)
}

// addTools adds what a Debian package holds of programs and libraries to entries.
func addTools(entries map[string]entry, contents io.Reader) error {
	for reader := tar.NewReader(contents); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := mergedPath(header.Name)
		if !isTool(name) {
			continue
		}
		switch header.Typeflag {
		case tar.TypeReg:
			data, err := io.ReadAll(reader)
			if err != nil {
				return err
			}
			entries[name] = entry{data: data, mode: header.FileInfo().Mode().Perm()}
		case tar.TypeSymlink:
			entries[name] = entry{link: header.Linkname}
		case tar.TypeLink:
			target, ok := entries[mergedPath(header.Linkname)]
			if !ok {
				return fmt.Errorf("%s is a hard link to %s, which does not come before it", header.Name, header.Linkname)
			}
			entries[name] = target
		}
	}
}

// mergedPath is a path of a Debian package as it is in a file system whose /bin, /sbin and /lib are links into /usr.
func mergedPath(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if first, _, _ := strings.Cut(name, "/"); slices.Contains([]string{"bin", "sbin", "lib", "lib64"}, first) {
		return "usr/" + name
	}
	return name
}

// isTool tells the programs, libraries and protocol names from documentation, character sets and what only Debian's own tools read.
func isTool(name string) bool {
	if slices.Contains([]string{"etc/ethertypes", "etc/protocols", "etc/services"}, name) {
		return true
	}
	if strings.Contains(name, "/gconv/") || strings.Contains(name, "/debconf") || strings.HasPrefix(name, "usr/lib/systemd/") {
		return false
	}
	return slices.ContainsFunc([]string{"usr/bin/", "usr/sbin/", "usr/lib/", "usr/lib64/"}, func(dir string) bool { return strings.HasPrefix(name, dir) })
}

// checkLinks refuses a link of ours to something that no package brought: Debian would have moved it.
func checkLinks(entries map[string]entry) error {
	var missing []error
	for name, target := range toolLinks() {
		if !strings.Contains(name, "/") {
			continue // a link to a directory
		}
		if _, ok := entries[path.Join(path.Dir(name), target)]; !ok {
			missing = append(missing, fmt.Errorf("/%s would be a link to %s, which no package has", name, target))
		}
	}
	return errors.Join(missing...)
}
