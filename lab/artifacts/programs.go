package artifacts

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Program is one recipe: what to compile from one module under lab/programs.
type Program struct {
	Name    string // the module's directory, and the artifact's name
	Version string // as its own --version says, without "v"
	// Module is the module that the version pins, as `go list -m` names it; empty for a program of the lab's own.
	Module string
	// Binaries maps each file that is built to the package that it is built from; "." is the module's own.
	Binaries map[string]string
	Tags     []string
	Stamp    map[string]string // linker symbols set to values, for programs that learn their version this way
	// Cgo compiles C, and links it statically. Everything else is built without cgo, so that it runs in any image.
	Cgo bool
	// Unverified names the module that the checksum database does not know. Its hash is in go.sum; lab/README.md lists the exception.
	Unverified string
	// OnDemand programs are built when something asks for them, never by default.
	OnDemand bool
	// Assumed is the processor time of a first build, for estimates until this cache has measured one.
	Assumed time.Duration
}

// Programs lists every program, in the order in which a starting cluster needs them.
func Programs() []Program {
	kubernetes := map[string]string{}
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		kubernetes[pkg+".gitVersion"] = "v1.36.3"
		kubernetes[pkg+".gitMajor"] = "1"
		kubernetes[pkg+".gitMinor"] = "36"
		kubernetes[pkg+".gitTreeState"] = "clean"
		kubernetes[pkg+".gitCommit"] = "" // a module does not say which commit it was cut from
	}
	const (
		aws        = "k8s.io/cloud-provider-aws"
		openstack  = "k8s.io/cloud-provider-openstack"
		containerd = "github.com/containerd/containerd/v2"
		plugins    = "github.com/containernetworking/plugins"
		flannel    = "github.com/flannel-io/flannel"
		kubeBench  = "github.com/aquasecurity/kube-bench"
		kubeRouter = "github.com/cloudnativelabs/kube-router/v2"
		mc         = "github.com/minio/mc"
		minio      = "github.com/minio/minio"
		pulumi     = "github.com/pulumi/pulumi"
		versitygw  = "github.com/versity/versitygw"
		dex        = "github.com/dexidp/dex"
		traefik    = "github.com/traefik/traefik/v3"
	)
	return []Program{
		{
			Name: "kubernetes", Version: "1.36.3", Module: "k8s.io/kubernetes",
			Binaries: map[string]string{"kube": "."},
			Stamp:    kubernetes,
			Assumed:  480 * time.Second,
		},
		{
			Name: "containerd", Version: "2.4.2", Module: containerd,
			Binaries: map[string]string{
				"containerd":              containerd + "/cmd/containerd",
				"containerd-shim-runc-v2": containerd + "/cmd/containerd-shim-runc-v2",
				"ctr":                     containerd + "/cmd/ctr",
			},
			// The host's kernel has no device mapper, and nothing here collects traces.
			Tags:    []string{"no_btrfs", "no_devmapper", "no_tracing", "no_zfs"},
			Stamp:   map[string]string{containerd + "/version.Version": "2.4.2"},
			Assumed: 120 * time.Second,
		},
		{
			Name: "etcd", Version: "3.6.5", Module: "go.etcd.io/etcd/server/v3",
			Binaries: map[string]string{
				"etcd":    "go.etcd.io/etcd/server/v3",
				"etcdctl": "go.etcd.io/etcd/etcdctl/v3",
				"etcdutl": "go.etcd.io/etcd/etcdutl/v3",
			},
			Assumed: 60 * time.Second,
		},
		{
			Name: "cni", Version: "1.9.1", Module: plugins,
			Binaries: map[string]string{
				"bridge":     plugins + "/plugins/main/bridge",
				"host-local": plugins + "/plugins/ipam/host-local",
				"loopback":   plugins + "/plugins/main/loopback",
				"portmap":    plugins + "/plugins/meta/portmap",
			},
			Stamp:   map[string]string{plugins + "/pkg/utils/buildversion.BuildVersion": "v1.9.1"},
			Assumed: 20 * time.Second,
		},
		{Name: "pause", Version: "3.10.2", Binaries: map[string]string{"pause": "."}, Assumed: 2 * time.Second},
		{
			Name: "pulumi", Version: "3.259.0", Module: pulumi + "/pkg/v3",
			Binaries: map[string]string{"pulumi": pulumi + "/pkg/v3/cmd/pulumi"},
			Stamp:    map[string]string{pulumi + "/sdk/v3/go/common/version.Version": "v3.259.0"},
			Assumed:  300 * time.Second,
		},
		{
			Name: "coredns", Version: "1.15.0", Module: "github.com/coredns/coredns",
			Binaries: map[string]string{"coredns": "."},
			Assumed:  120 * time.Second,
		},
		{
			Name: "flannel", Version: "0.26.7", Module: flannel,
			Binaries: map[string]string{"flanneld": flannel},
			Stamp:    map[string]string{flannel + "/pkg/version.Version": "v0.26.7"},
			Cgo:      true, // its UDP backend, which is never used, is linked in and written in C
			Assumed:  120 * time.Second,
		},
		{
			Name: "kube-router", Version: "2.1.0", Module: kubeRouter,
			Binaries:   map[string]string{"kube-router": kubeRouter + "/cmd/kube-router"},
			Stamp:      map[string]string{kubeRouter + "/pkg/version.Version": "v2.1.0"},
			Unverified: kubeRouter,
			Assumed:    150 * time.Second,
		},
		{
			// 2.41.1, whose tag Go's module system does not take.
			Name: "dex", Version: "0.0.0-20240807174518-43956db7fd75", Module: dex,
			Binaries: map[string]string{"dex": dex + "/cmd/dex"},
			Tags:     []string{"sqlite_omit_load_extension"}, // which a static program cannot
			Stamp:    map[string]string{"main.version": "v2.41.1"},
			Cgo:      true, // SQLite, which is never used, is linked in and written in C
			Assumed:  120 * time.Second,
		},
		{
			Name: "traefik", Version: "3.5.3", Module: traefik,
			Binaries: map[string]string{"traefik": traefik + "/cmd/traefik"},
			Stamp:    map[string]string{traefik + "/pkg/version.Version": "3.5.3"},
			Assumed:  410 * time.Second,
		},
		{Name: "probe", Version: "1", Binaries: map[string]string{"probe": "."}, Assumed: 5 * time.Second},
		{
			Name: "kwok", Version: "0.8.0", Module: "sigs.k8s.io/kwok",
			Binaries: map[string]string{"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
			OnDemand: true,
			Assumed:  135 * time.Second,
		},
		{
			// An S3 server that enforces object lock. Its own --version says that it is no release.
			Name: "minio", Version: "0.0.0-20260212201848-7aac2a2c5b7c", Module: minio,
			Binaries: map[string]string{"minio": minio},
			OnDemand: true,
			Assumed:  360 * time.Second,
		},
		{
			// By which MinIO's operators make users and give them policies.
			Name: "mc", Version: "0.0.0-20250313080218-cf909e1063a9", Module: mc,
			Binaries: map[string]string{"mc": mc},
			OnDemand: true,
			Assumed:  70 * time.Second,
		},
		{
			// An S3 server that says it locks objects and lets their retention be shortened: what refuses it is proved with it.
			Name: "versitygw", Version: "1.8.0", Module: versitygw,
			Binaries: map[string]string{"versitygw": versitygw + "/cmd/versitygw"},
			Stamp:    map[string]string{"main.Version": "v1.8.0"},
			OnDemand: true,
			Assumed:  120 * time.Second,
		},
		{
			Name: "cloud-provider-openstack", Version: "1.36.0", Module: openstack,
			Binaries: map[string]string{
				"cinder-csi-plugin":                  openstack + "/cmd/cinder-csi-plugin",
				"openstack-cloud-controller-manager": openstack + "/cmd/openstack-cloud-controller-manager",
			},
			Stamp:    map[string]string{openstack + "/pkg/version.Version": "v1.36.0"},
			OnDemand: true,
			Assumed:  135 * time.Second,
		},
		{
			Name: "cloud-provider-aws", Version: "1.36.0", Module: aws,
			Binaries: map[string]string{"aws-cloud-controller-manager": aws + "/cmd/aws-cloud-controller-manager"},
			OnDemand: true,
			Assumed:  75 * time.Second,
		},
		{
			// What checks nodes against the CIS benchmark; its check files come from its module, as they are.
			Name: "kube-bench", Version: "0.14.0", Module: kubeBench,
			Binaries:   map[string]string{"kube-bench": kubeBench},
			Stamp:      map[string]string{kubeBench + "/cmd.KubeBenchVersion": "v0.14.0"},
			Unverified: kubeBench,
			OnDemand:   true,
			Assumed:    60 * time.Second,
		},
	}
}

// programNamed finds a program in the catalogue.
func programNamed(name string) (Program, error) {
	all := Programs()
	i := slices.IndexFunc(all, func(p Program) bool { return p.Name == name })
	if i < 0 {
		names := make([]string, len(all))
		for i, p := range all {
			names[i] = p.Name
		}
		return Program{}, fmt.Errorf("artifacts: no program %q; there are %s", name, strings.Join(names, ", "))
	}
	return all[i], nil
}

// Program returns the directory that holds the binaries of the program called name, and compiles them first when the cache does not hold them. Compiling
// fetches the modules that go.sum pins, and takes up to several minutes.
func (s *Store) Program(ctx context.Context, name string) (string, error) {
	program, err := programNamed(name)
	if err != nil {
		return "", err
	}
	return s.program(ctx, program, 0)
}

func (s *Store) program(ctx context.Context, p Program, niceness int) (string, error) {
	inputs, err := s.programInputs(p)
	if err != nil {
		return "", err
	}
	return s.Derived(ctx, p.Name, inputs, func(dir string) error { return s.compile(ctx, p, niceness, dir) })
}

// programInputs is what a program's artifact depends on: its module's files, its recipe and the toolchain.
func (s *Store) programInputs(p Program) ([]string, error) {
	sources, err := hashTree(filepath.Join(s.modules, p.Name))
	if err != nil {
		return nil, fmt.Errorf("artifacts: %s: the module's files: %w", p.Name, err)
	}
	p.Assumed, p.OnDemand = 0, false // neither changes a byte of the result
	recipe, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("artifacts: %s: recipe: %w", p.Name, err)
	}
	return []string{"program", sources, string(recipe), s.toolchain}, nil
}

// compile builds a program's binaries into dir.
func (s *Store) compile(ctx context.Context, p Program, niceness int, dir string) error {
	// Go's own scratch space lies beside the artifact, so that what a killed build leaves is removed with it.
	scratch := filepath.Join(filepath.Dir(dir), "go-build")
	if err := os.MkdirAll(scratch, 0o755); err != nil {
		return err
	}
	for _, binary := range p.files() {
		cmd := exec.Command("nice", append([]string{"-n", strconv.Itoa(niceness), "go"}, p.buildArgs(filepath.Join(dir, binary), p.Binaries[binary])...)...)
		cmd.Dir = filepath.Join(s.modules, p.Name)
		cmd.Env = append(os.Environ(), p.buildEnv(scratch)...)
		if err := s.Run(ctx, p.Name, cmd); err != nil {
			return fmt.Errorf("compile %s: %w", binary, err)
		}
	}
	return nil
}

// files are the names of the program's binaries, sorted.
func (p Program) files() []string {
	files := make([]string, 0, len(p.Binaries))
	for file := range p.Binaries {
		files = append(files, file)
	}
	slices.Sort(files)
	return files
}

// buildArgs are the arguments of the go command that compiles pkg to the file output.
func (p Program) buildArgs(output, pkg string) []string {
	link := []string{"-s", "-w"}
	tags := p.Tags
	if p.Cgo {
		link = append(link, "-linkmode=external", "-extldflags=-static")
		tags = append(slices.Clone(tags), "netgo", "osusergo")
	}
	symbols := make([]string, 0, len(p.Stamp))
	for symbol := range p.Stamp {
		symbols = append(symbols, symbol)
	}
	slices.Sort(symbols)
	for _, symbol := range symbols {
		link = append(link, "-X="+symbol+"="+p.Stamp[symbol])
	}
	args := []string{"build", "-p=" + strconv.Itoa(runtime.NumCPU()), "-ldflags=" + strings.Join(link, " ")}
	if len(tags) > 0 {
		args = append(args, "-tags="+strings.Join(tags, ","))
	}
	return append(args, "-o", output, pkg)
}

// buildEnv is what the go command's environment is overridden with. The module proxy and the checksum database stay those of the host.
func (p Program) buildEnv(scratch string) []string {
	cgo := "0"
	if p.Cgo {
		cgo = "1"
	}
	env := []string{
		"CGO_ENABLED=" + cgo,
		"GOFLAGS=-mod=readonly -trimpath -buildvcs=false",
		"GOTMPDIR=" + scratch,
		"GOWORK=off",
	}
	if p.Unverified != "" {
		env = append(env, "GONOSUMDB="+p.Unverified)
	}
	return env
}
