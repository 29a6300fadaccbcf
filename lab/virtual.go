package lab

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"

	"github.com/lagrum/lagrum/lab/artifacts"
	"github.com/lagrum/lagrum/lab/debian"
	"github.com/lagrum/lagrum/lab/nodeimage"
)

// virtualPackages are what virtual machines need of the host, besides what makes their image.
func virtualPackages() []string {
	return []string{"dosfstools", "e2fsprogs", "jose", "mtools", "qemu-system-x86", "socat", "tang"}
}

// Virtual makes virtual machines possible in the lab: the node image that they boot, and a key server that opens their
// encrypted disks. It prints what the site has to say of the key server. Doing it twice changes nothing.
func (l *Lab) Virtual(ctx context.Context, out io.Writer) error {
	if err := l.readyHost(ctx, out); err != nil {
		return err
	}
	if l.noMachines != nil {
		return fmt.Errorf("virtual machines: %w", l.noMachines)
	}
	network, err := l.nodeNetwork()
	if err != nil {
		return err
	}
	missing, err := debian.Missing(ctx, virtualPackages()...)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		fmt.Fprintf(out, "installing %v\n", missing)
		if err := debian.Install(ctx, missing...); err != nil {
			return fmt.Errorf("tools for virtual machines: %w", err)
		}
	}
	image, err := l.nodeImage(ctx, out)
	if err != nil {
		return err
	}
	if err := l.makeState(); err != nil {
		return err
	}
	host, err := l.machines()
	if err != nil {
		return err
	}
	if err := host.UseImage(filepath.Join(image, nodeimage.Raw)); err != nil {
		return err
	}
	server, err := host.MakeKeyServer(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "guestEncryption:\n  keyServers:\n    - {url: \"http://%s:%d\", thumbprint: %s}\n",
		network.Addr().Next(), server.Port, server.Thumbprint)
	return nil
}

// nodeImage makes the node image and returns its folder in the cache.
func (l *Lab) nodeImage(ctx context.Context, out io.Writer) (string, error) {
	store, err := l.store()
	if err != nil {
		return "", err
	}
	steps, err := store.Steps(nodeimage.Programs()...)
	if err != nil {
		return "", err
	}
	if err := artifacts.Build(ctx, append(steps, nodeimage.DiskStep(store)), out); err != nil {
		return "", err
	}
	return nodeimage.Disk(ctx, store)
}

// nodeNetwork is the network that the stack's site declares for its nodes; the host has the first address in it.
func (l *Lab) nodeNetwork() (netip.Prefix, error) {
	site, err := l.site()
	if err != nil {
		return netip.Prefix{}, err
	}
	network, err := netip.ParsePrefix(site.Cluster.NodeCIDR)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%s: cluster.nodeCIDR: %w", l.stackFile(), err)
	}
	return network, nil
}
