package openstack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/lagrum/lagrum/lab/process"
)

// migration fills the databases of a service.
type migration struct {
	service   string
	databases []string
	env       []string
	commands  [][]string
	cost      time.Duration
}

func (l *Lab) migrations() []migration {
	config := func(name string) string { return "--config-file=" + l.Path("etc", name+".conf") }
	keystone := []string{"/usr/bin/keystone-manage", config("keystone")}
	nova := []string{"/usr/bin/nova-manage", config("nova")}
	root := []string{"--keystone-user", "root", "--keystone-group", "root"}
	url, _ := serviceURL("keystone") // a port that is listed
	url += "/v3"
	with := func(command []string, args ...string) []string {
		return append(append([]string{}, command...), args...)
	}
	return []migration{
		{"keystone", []string{"keystone"}, nil, [][]string{
			with(keystone, "db_sync"),
			with(keystone, append([]string{"fernet_setup"}, root...)...),
			with(keystone, append([]string{"credential_setup"}, root...)...),
			with(keystone, "bootstrap", "--bootstrap-password", l.secrets.Password, "--bootstrap-region-id", region,
				"--bootstrap-admin-url", url, "--bootstrap-internal-url", url, "--bootstrap-public-url", url),
		}, 18 * time.Second},
		{"nova", []string{"nova_api", "nova", "nova_cell0"}, nil, [][]string{
			with(nova, "api_db", "sync"),
			with(nova, "cell_v2", "map_cell0", "--database_connection", values{Lab: l}.Database("nova_cell0")),
			with(nova, "db", "sync"),
			with(nova, "cell_v2", "create_cell", "--name=cell1"),
		}, 30 * time.Second},
		{"neutron", []string{"neutron"}, nil, [][]string{
			{"/usr/bin/neutron-db-manage", config("neutron"), "upgrade", "heads"},
		}, 20 * time.Second},
		{"cinder", []string{"cinder"}, nil, [][]string{{"/usr/bin/cinder-manage", config("cinder"), "db", "sync"}}, 12 * time.Second},
		{"octavia", []string{"octavia"}, nil, [][]string{{"/usr/bin/octavia-db-manage", config("octavia"), "upgrade", "head"}}, 12 * time.Second},
		{"glance", []string{"glance"}, nil, [][]string{{"/usr/bin/glance-manage", config("glance"), "db_sync"}}, 10 * time.Second},
		// The command hears of no configuration than that of its home, as the API.
		{"barbican", []string{"barbican"}, []string{"HOME=" + l.Path("data", "barbican")}, [][]string{{"/usr/bin/barbican-manage", "db", "upgrade"}}, 6 * time.Second},
		{"placement", []string{"placement"}, nil, [][]string{{"/usr/bin/placement-manage", config("placement/placement"), "db", "sync"}}, 4 * time.Second},
	}
}

// migrate makes the databases of a service anew: half a migration cannot be taken up again.
func (l *Lab) migrate(ctx context.Context, m migration) error {
	for _, database := range m.databases {
		if err := l.sql(ctx, fmt.Sprintf("DROP DATABASE IF EXISTS %s; CREATE DATABASE %s CHARACTER SET utf8", database, database)); err != nil {
			return err
		}
	}
	for _, command := range m.commands {
		if err := l.run(ctx, "migrate-"+m.service, m.env, command...); err != nil {
			return err
		}
	}
	return l.finish("migrate-" + m.service)
}

// makeDatabase lays out MariaDB's files.
func (l *Lab) makeDatabase(ctx context.Context) error {
	dir := l.Path("data", "mariadb")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := l.run(ctx, stepDatabase, nil, "/usr/bin/mariadb-install-db", "--no-defaults", "--user=root", "--datadir="+dir,
		"--auth-root-authentication-method=socket", "--auth-root-socket-user=root", "--skip-test-db"); err != nil {
		return err
	}
	return l.finish(stepDatabase)
}

// sql has MariaDB do something.
func (l *Lab) sql(ctx context.Context, text string) error {
	cmd := exec.CommandContext(ctx, "/usr/bin/mariadb", "--no-defaults", "--user=root", "--socket="+l.databaseSocket(), "--batch", "--execute="+text)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mariadb: %s: %w: %s", text, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// run runs a command that ends, into a log of its own. It dies with this process, and carries the mark all the same, for
// what it may have started.
func (l *Lab) run(ctx context.Context, name string, env []string, argv ...string) error {
	log, err := os.OpenFile(l.Log(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = l.Path("data")
	cmd.Env = append(append(l.environment(), process.MarkEnvironment(l.mark(name))), env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// The kernel sends Pdeathsig when the thread that started the child ends, not the process: keep the thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("openstack: %s: %s: %w; the whole log is %s\n%s", name, filepath.Base(argv[0]), err, l.Log(name), tail(l.Log(name), 15))
	}
	return nil
}

// finish notes that something need not be done again.
func (l *Lab) finish(step string) error {
	if err := os.MkdirAll(l.Path("done"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(l.Path("done", step), nil, 0o600)
}

func (l *Lab) finished(step string) bool {
	_, err := os.Stat(l.Path("done", step))
	return err == nil
}
