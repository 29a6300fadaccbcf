package machines

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// imagesDir is what every machine sees at /var/lib/lagrum-images, read-only.
func (l *Lab) imagesDir() string { return l.records.Path("images") }

// Publish gives the archive of container images to all machines, those that run and those to come; its name must end in
// .tar. Machines import archives in the order in which they were published. An archive of the same name takes the place
// of the earlier one and is imported too; the same archive again changes nothing. It appears whole or not at all.
func (l *Lab) Publish(archive string) error {
	name := filepath.Base(archive)
	if !strings.HasSuffix(name, ".tar") || strings.HasPrefix(name, ".") {
		return fmt.Errorf("image archive %s: the name must end in .tar and not begin with a dot", archive)
	}
	if err := os.MkdirAll(l.imagesDir(), 0o755); err != nil {
		return err
	}
	target := filepath.Join(l.imagesDir(), name)
	source, err := os.Stat(archive)
	if err != nil {
		return fmt.Errorf("image archive: %w", err)
	}
	if there, err := os.Stat(target); err == nil && there.Size() == source.Size() && there.ModTime().Equal(source.ModTime()) {
		return nil
	}
	fresh := filepath.Join(l.imagesDir(), "."+name+".new")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Link(archive, fresh); err != nil {
		// Another file system than the cache's, or one without hard links.
		err := copyFile(archive, fresh)
		if err == nil {
			err = os.Chtimes(fresh, source.ModTime(), source.ModTime()) // by which the same archive is known again
		}
		if err != nil {
			return fmt.Errorf("image archive %s: %w", archive, err)
		}
	}
	return os.Rename(fresh, target)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
