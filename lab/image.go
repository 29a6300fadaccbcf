package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/lagrum/lagrum/lab/nodeimage"
)

// Image makes the node image for clouds and puts it into dir: raw, qcow2, and a manifest of what it holds with the hashes
// of everything. What the cache has is not made again.
func (l *Lab) Image(ctx context.Context, out io.Writer, dir string) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("node image: not root (user id %d), and mmdebstrap installs packages in a tree of root's; run as root", os.Geteuid())
	}
	store, err := l.store()
	if err != nil {
		return err
	}
	made, err := l.nodeImage(ctx, out)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{nodeimage.Raw, nodeimage.QCOW2, nodeimage.Manifest} {
		target := filepath.Join(dir, name)
		// The cache's own files must not change when somebody changes these.
		if err := store.Run(ctx, "node-image-copy", exec.Command("cp", "--sparse=always", filepath.Join(made, name), target)); err != nil {
			return err
		}
		fmt.Fprintln(out, target)
	}
	return nil
}
