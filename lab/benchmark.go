package lab

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/sync/errgroup"
)

const (
	benchModule  = "github.com/aquasecurity/kube-bench"
	benchVersion = "v0.14.0"
	// benchLimit bounds kube-bench on one node; it takes some seconds.
	benchLimit = 3 * time.Minute
)

// ErrNotProvable is what a check says that this host cannot make.
var ErrNotProvable = errors.New("not provable on this host")

// benchScript runs in a machine as root, in its own mount, process and network namespaces, and gets kube-bench and its
// files as a tar archive. Every check of the benchmark runs: on a control plane those of all five files.
const benchScript = `
dir=$(mktemp -d /var/tmp/lagrum-bench.XXXXXX)
trap 'rm -rf "$dir"' EXIT
tar -x -C "$dir"
cd "$dir"
targets=node
if [ -d /var/lib/etcd/member ]; then
  targets=master,etcd,controlplane,node,policies
  export KUBECONFIG=/etc/kubernetes/admin.conf
fi
./kube-bench run --config-dir cfg --benchmark "$1" --targets "$targets" --json --outputfile result.json >output 2>&1 || { cat output >&2; exit 1; }
cat result.json`

// Benchmark runs kube-bench with the checks of a benchmark, as "cis-1.11", on every machine of the lab. It returns what
// kube-bench says of each, as JSON, by the machine's name.
func (l *Lab) Benchmark(ctx context.Context, benchmark string) (map[string][]byte, error) {
	if l.noMachines != nil {
		return nil, fmt.Errorf("lab %s: %w: kube-bench checks machines, and this lab has none: %w", l.Name, ErrNotProvable, l.noMachines)
	}
	archive, err := l.benchArchive(ctx)
	if err != nil {
		return nil, err
	}
	host, err := l.machines()
	if err != nil {
		return nil, err
	}
	all, err := host.Machines()
	if err != nil {
		return nil, err
	}
	// kube-bench starts hundreds of small programs and waits for each, so that the machines are checked side by side.
	texts := make([][]byte, len(all))
	var group errgroup.Group
	group.SetLimit(runtime.NumCPU())
	for i, machine := range all {
		group.Go(func() error {
			limited, cancel := context.WithTimeout(ctx, benchLimit)
			defer cancel()
			cmd, err := host.Command(limited, machine.Name, "sh", "-euc", benchScript, "sh", benchmark)
			if err != nil {
				return err
			}
			var stderr bytes.Buffer
			cmd.Stdin, cmd.Stderr = bytes.NewReader(archive), &stderr
			if texts[i], err = cmd.Output(); err != nil {
				return fmt.Errorf("kube-bench on %s: %w\n%s", machine.Name, err, stderr.String())
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	reports := map[string][]byte{}
	for i, machine := range all {
		reports[machine.Name] = texts[i]
	}
	return reports, nil
}

// benchArchive holds kube-bench and its check files, which are byte-identical to those of its module: the whole module's
// hash is compared with the one in go.sum.
func (l *Lab) benchArchive(ctx context.Context) ([]byte, error) {
	store, err := l.store()
	if err != nil {
		return nil, err
	}
	programs, err := store.Program(ctx, "kube-bench")
	if err != nil {
		return nil, err
	}
	module := filepath.Join(l.Checkout, "lab/programs/kube-bench")
	find := exec.CommandContext(ctx, "go", "mod", "download", "-json", benchModule+"@"+benchVersion)
	find.Dir, find.Env = module, append(os.Environ(), "GONOSUMDB="+benchModule, "GOFLAGS=-mod=readonly", "GOWORK=off")
	if out, err := find.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the module of kube-bench: %w\n%s", err, out)
	}
	where := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", benchModule)
	where.Dir, where.Env = module, find.Env
	out, err := where.Output()
	if err != nil {
		return nil, fmt.Errorf("the module of kube-bench: %w", err)
	}
	dir := strings.TrimSpace(string(out))
	sums, err := os.ReadFile(filepath.Join(module, "go.sum"))
	if err != nil {
		return nil, err
	}
	if err := unchanged(dir, string(sums)); err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	err = errors.Join(
		pack(w, filepath.Join(programs, "kube-bench"), "kube-bench", 0o755),
		filepath.WalkDir(filepath.Join(dir, "cfg"), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			return pack(w, path, name, 0o644)
		}),
		w.Close())
	return archive.Bytes(), err
}

// unchanged compares a module's folder with its line in go.sum.
func unchanged(dir, sums string) error {
	hash, err := dirhash.HashDir(dir, benchModule+"@"+benchVersion, dirhash.Hash1)
	if err != nil {
		return err
	}
	if !strings.Contains(sums, benchModule+" "+benchVersion+" "+hash+"\n") {
		return fmt.Errorf("%s: its hash %s is not the one of %s %s in go.sum: the check files were changed; clear Go's module cache", dir, hash, benchModule, benchVersion)
	}
	return nil
}

func pack(w *tar.Writer, path, name string, mode int64) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(w, file)
	return err
}
