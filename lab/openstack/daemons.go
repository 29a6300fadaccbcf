package openstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/lagrum/lagrum/lab/process"
)

// computeHosts are the pretended hosts, a compute process each: a group of servers that must be apart needs as many hosts
// as it has members.
var computeHosts = []string{"lab1", "lab2", "lab3"}

// environment is what every command of the OpenStack has: a PATH without whatever Python the user's own has, but with the
// lab's sudo, and the lab's drivers.
func (l *Lab) environment() []string {
	return []string{
		"PATH=" + l.Path("bin") + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"PYTHONPATH=" + l.Path("python"),
		"LC_ALL=C.UTF-8",
	}
}

// daemon is a program that stays.
type daemon struct {
	name  string
	title string
	// needs are the steps before it.
	needs []string
	// ports are those that nobody else may hold.
	ports []string
	// env is its environment beside the mark and what all have.
	env  []string
	argv []string
	// answers tells whether it works; nil asks for no more than that it stays alive.
	answers func(ctx context.Context) error
	// cost is how long it takes to answer.
	cost time.Duration
}

// daemons lists all of them in the order in which they start.
func (l *Lab) daemons() []daemon {
	config := func(name string) string { return "--config-file=" + l.Path("etc", name+".conf") }
	list := []daemon{
		{
			name: "mariadb", title: "MariaDB", needs: []string{stepPackages}, cost: 5 * time.Second,
			argv: []string{
				"/usr/sbin/mariadbd", "--no-defaults", "--user=root", "--datadir=" + l.Path("data", "mariadb"), "--socket=" + l.databaseSocket(),
				"--pid-file=" + l.Path("data", "mariadb.pid"), "--skip-networking", "--max-connections=1000", "--innodb-buffer-pool-size=128M",
				// What a crash of the host loses is a lab.
				"--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-doublewrite=0",
				"--performance-schema=0", "--skip-name-resolve", "--character-set-server=utf8", "--tmpdir=" + l.Path("data"),
			},
			answers: func(ctx context.Context) error { return l.sql(ctx, "SELECT 1") },
		},
		{
			name: "memcached", title: "memcached", needs: []string{stepPackages}, ports: []string{"memcached"}, cost: time.Second,
			argv:    []string{"/usr/bin/memcached", "-u", "root", "-l", "127.0.0.1", "-p", fmt.Sprint(ports["memcached"]), "-m", "64"},
			answers: listens("memcached"),
		},
		{
			name: "rabbitmq", title: "RabbitMQ", needs: []string{stepPackages}, ports: []string{"rabbitmq", "rabbitmq-nodes"}, cost: 8 * time.Second,
			// Run as it is, not through the wrapper that becomes the user rabbitmq: another user's processes would not be the lab's.
			argv: []string{"/usr/lib/rabbitmq/bin/rabbitmq-server"},
			env: []string{
				"HOME=" + l.Path("data", "rabbitmq"), "RABBITMQ_MNESIA_BASE=" + l.Path("data", "rabbitmq", "mnesia"),
				"RABBITMQ_LOG_BASE=" + l.Path("log"), "RABBITMQ_NODENAME=rabbit@localhost", "RABBITMQ_CONFIG_FILE=" + l.Path("etc", "rabbitmq.conf"),
				"RABBITMQ_ENABLED_PLUGINS_FILE=" + l.Path("etc", "rabbitmq-plugins"), "RABBITMQ_PID_FILE=" + l.Path("data", "rabbitmq", "pid"),
				"RABBITMQ_CONF_ENV_FILE=/dev/null", "ERL_EPMD_ADDRESS=127.0.0.1", fmt.Sprintf("ERL_EPMD_PORT=%d", ports["epmd"]),
				"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
			},
			answers: listens("rabbitmq"),
		},
		// In threads of one process it has answered that a user has no role who has it, while others asked too.
		wsgi("keystone", "keystone-wsgi-public", 4, 1, []string{"migrate-keystone", "memcached"}, "OS_KEYSTONE_CONFIG_FILES="+l.Path("etc", "keystone.conf")),
		wsgi("placement", "placement-api", 1, 8, []string{"migrate-placement", stepCatalogue}, "OS_PLACEMENT_CONFIG_DIR="+l.Path("etc", "placement")),
		wsgi("barbican", "barbican-wsgi-api", 1, 8, []string{"migrate-barbican", stepCatalogue}, "HOME="+l.Path("data", "barbican")),
		api("glance", "Glance", []string{"migrate-glance"}, "/usr/bin/glance-api", config("glance")),
		api("neutron", "Neutron", []string{"migrate-neutron", "rabbitmq"}, "/usr/bin/neutron-server", config("neutron")),
		api("nova", "Nova's API", []string{"migrate-nova", "rabbitmq"}, "/usr/bin/nova-api", config("nova")),
		worker("nova-conductor", []string{"migrate-nova", "rabbitmq"}, "/usr/bin/nova-conductor", config("nova")),
		// It ends when the catalogue does not know Placement yet.
		worker("nova-scheduler", []string{"migrate-nova", "rabbitmq", stepCatalogue, "placement"}, "/usr/bin/nova-scheduler", config("nova")),
		api("cinder", "Cinder's API", []string{"migrate-cinder", "rabbitmq"}, "/usr/bin/cinder-api", config("cinder")),
		worker("cinder-scheduler", []string{"migrate-cinder", "rabbitmq"}, "/usr/bin/cinder-scheduler", config("cinder")),
		worker("cinder-volume", []string{"migrate-cinder", "rabbitmq"}, "/usr/bin/cinder-volume", config("cinder")),
	}
	octavia := wsgi("octavia", "octavia-wsgi", 1, 8, []string{"migrate-octavia", "rabbitmq", stepCatalogue})
	octavia.argv = append(octavia.argv, "--pyargv", config("octavia")+" "+config("octavia-api"))
	list = append(list, octavia, worker("octavia-worker", []string{"migrate-octavia", "rabbitmq"}, "/usr/bin/octavia-worker", config("octavia")))
	for _, host := range computeHosts {
		list = append(list, worker("nova-compute-"+host, []string{"nova-conductor", "placement", "neutron"}, "/usr/bin/nova-compute", config("nova"), config(host)))
	}
	return list
}

// wsgi is an API under uwsgi.
func wsgi(name, script string, processes, threads int, needs []string, env ...string) daemon {
	return daemon{
		name: name, title: strings.ToUpper(name[:1]) + name[1:], needs: needs, ports: []string{name}, env: env, cost: 8 * time.Second,
		argv: []string{
			"/usr/bin/uwsgi", "--plugin", "python3", "--http-socket", fmt.Sprintf("127.0.0.1:%d", ports[name]), "--wsgi-file", "/usr/bin/" + script,
			"--master", "--die-on-term", "--lazy-apps", "--processes", fmt.Sprint(processes), "--threads", fmt.Sprint(threads), "--enable-threads",
			"--buffer-size", "65535", "--rem-header", "Content-Length", "--add-header", "Connection: close", "--need-app",
		},
		answers: responds(name),
	}
}

// api is an API that serves itself.
func api(name, title string, needs []string, argv ...string) daemon {
	return daemon{name: name, title: title, needs: append(needs, stepCatalogue), ports: []string{name}, argv: argv, answers: responds(name), cost: 8 * time.Second}
}

// worker is a daemon that listens to the bus alone. Whether it works is asked of its API, when all have started.
func worker(name string, needs []string, argv ...string) daemon {
	return daemon{name: name, title: name, needs: needs, argv: argv, cost: time.Second}
}

// running tells whether any process of the daemon lives.
func (l *Lab) running(name string) (bool, error) {
	found, err := process.Marked(l.mark(name))
	return len(found) > 0, err
}

// ended tells that no process of the daemon lives. It asks more than once: while a program gives way to another (exec), the
// kernel shows an empty environment for a moment, which on a busy machine is long enough to be seen.
func (l *Lab) ended(name string) (bool, error) {
	for range 4 {
		up, err := l.running(name)
		if err != nil || up {
			return false, err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return true, nil
}

// startTimeout bounds the wait for a daemon's first answer, on a busy machine.
const startTimeout = 3 * time.Minute

// serve starts a daemon unless it runs, and waits until it answers.
func (l *Lab) serve(ctx context.Context, d daemon) error {
	up, err := l.running(d.name)
	if err != nil {
		return err
	}
	if !up {
		for _, name := range d.ports {
			listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", ports[name]))
			if err != nil {
				return fmt.Errorf("openstack: %s: port %d (%s) is taken: stop what listens there (ss -ltnp), or take the other lab's OpenStack down: %w", d.name, ports[name], name, err)
			}
			if err := listener.Close(); err != nil {
				return err
			}
		}
		// process.Start gives the lab's own environment and no other.
		cmd := exec.Command("/usr/bin/env", append(append(l.environment(), d.env...), d.argv...)...)
		if _, err := process.Start(l.Name, l.mark(d.name), l.Log(d.name), cmd); err != nil {
			return fmt.Errorf("openstack: start %s: %w", d.name, err)
		}
	}
	answers := d.answers
	if answers == nil {
		// One that cannot read its configuration ends within this time.
		started := time.Now()
		answers = func(context.Context) error {
			if time.Since(started) < time.Second {
				return errors.New("just started")
			}
			return nil
		}
	}
	return l.await(ctx, d.name, startTimeout, answers)
}

// await asks until there is no error. It gives up at once when the daemon has ended.
func (l *Lab) await(ctx context.Context, name string, limit time.Duration, ask func(context.Context) error) error {
	deadline := time.Now().Add(limit)
	for {
		// A daemon that ends may have answered before.
		ended, err := l.ended(name)
		if err != nil {
			return err
		}
		if ended {
			return fmt.Errorf("openstack: %s has ended; its log is %s\n%s", name, l.Log(name), tail(l.Log(name), 15))
		}
		if err = ask(ctx); err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("openstack: %s does not work after %s: %w; its log is %s\n%s", name, limit, err, l.Log(name), tail(l.Log(name), 15))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// responds asks an API for its root. A listening socket is not enough: Neutron's parent listens seconds before its worker
// serves, and resets connections meanwhile.
func responds(name string) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		url := fmt.Sprintf("http://127.0.0.1:%d/", ports[name])
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := plainHTTP.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode >= http.StatusBadRequest {
			return fmt.Errorf("GET %s: %s", url, response.Status)
		}
		return nil
	}
}

// listens asks whether a port takes a connection.
func listens(name string) func(context.Context) error {
	return func(ctx context.Context) error {
		connection, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", ports[name]))
		if err != nil {
			return err
		}
		return connection.Close()
	}
}

// tail is the end of a log, for a message: from its last complaint on if that is near, else the last lines. The message
// names the log's path, so that one that cannot be read is empty.
func tail(path string, lines int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimSpace(string(data)), "\n")
	from := max(0, len(all)-lines)
	for i := len(all) - 1; i >= max(0, len(all)-20*lines); i-- {
		if strings.Contains(all[i], " ERROR ") || strings.Contains(all[i], " CRITICAL ") {
			from = max(0, min(from, i-lines))
			all = all[:min(len(all), i+lines)]
			break
		}
	}
	return strings.Join(all[from:], "\n")
}
