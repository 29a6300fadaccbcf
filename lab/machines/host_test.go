//go:build lab

package machines_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/lab/artifacts"
	"github.com/lagrum/lagrum/lab/machines"
	"github.com/lagrum/lagrum/lab/machines/rootfs"
)

// bootTime bounds what a machine may take to do what its user-data says, on a host that is busy with other things.
const bootTime = 3 * time.Minute

// rootLayers makes the root file system, or finds it in the cache.
func rootLayers(t *testing.T) []string {
	t.Helper()
	require.Zero(t, os.Geteuid(), "these tests boot machines and need root")
	cache, err := artifacts.DefaultDir()
	require.NoError(t, err)
	store, err := artifacts.Open(cache, "../programs")
	require.NoError(t, err)
	layers, err := rootfs.Layers(t.Context(), store)
	require.NoError(t, err)
	return layers
}

// openLab gives a lab that is gone when the test ends, and checks that it is.
func openLab(t *testing.T, name string) *machines.Lab {
	t.Helper()
	layers := rootLayers(t)
	lab, err := machines.Open(name, "")
	require.NoError(t, err)
	down(t, lab) // what an earlier run left that was killed
	settings, shared := hostSettings(t), otherLabs()
	t.Cleanup(func() {
		down(t, lab)
		after := hostSettings(t)
		if shared || otherLabs() {
			// Another lab on this host raises these for itself, and lowers them when it goes.
			t.Log("another lab is up: the inotify settings cannot be compared")
			for _, name := range []string{"fs/inotify/max_user_instances", "fs/inotify/max_user_watches"} {
				delete(settings, name)
				delete(after, name)
			}
		}
		assert.Equal(t, settings, after, "the host's settings are as they were")
	})
	require.NoError(t, lab.UseRootFS(layers...))
	return lab
}

// down takes the lab down and looks for remains by other means than the lab's own.
func down(t *testing.T, lab *machines.Lab) {
	t.Helper()
	// The test's own context is done by the time of its cleanup.
	removed, err := lab.Down(context.Background())
	require.NoError(t, err, "removed: %v", removed)
	left, err := lab.Leftovers(context.Background())
	require.NoError(t, err)
	assert.Empty(t, left)
	assert.Empty(t, traces(t, lab.Name()))
}

// traces finds everything on the host that carries the lab's name, without asking the lab.
func traces(t *testing.T, lab string) []string {
	t.Helper()
	var found []string
	text := func(kind, output, needle string) {
		for line := range strings.Lines(output) {
			if strings.Contains(line, needle) {
				found = append(found, kind+": "+strings.TrimSpace(line))
			}
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	text("mount", string(mounts), "/lagrum/"+lab)
	text("mount", string(mounts), "lagrum-"+lab)
	text("interface", hostRun(t, "ip", "-oneline", "link"), "lgr-"+lab)
	text("interface", hostRun(t, "ip", "-oneline", "link"), "vb-"+lab+"-")
	text("route", hostRun(t, "ip", "route", "show", "table", "all"), "lgr-"+lab)
	text("table", hostRun(t, "nft", "list", "tables"), "lagrum_"+lab)
	text("namespace", hostRun(t, "ip", "netns"), lab)
	for _, file := range []string{"cmdline", "environ", "cgroup"} {
		paths, err := filepath.Glob("/proc/[0-9]*/" + file)
		require.NoError(t, err)
		for _, path := range paths {
			stat, err := os.ReadFile(filepath.Join(filepath.Dir(path), "stat"))
			if err != nil || bytes.Contains(stat, []byte(") Z ")) {
				continue // ended, and at most waits for the host's first process to take note
			}
			data, err := os.ReadFile(path)
			if err == nil && (bytes.Contains(data, []byte("lagrum/"+lab+"/")) || bytes.Contains(data, []byte("LAGRUM_LAB="+lab+"\x00"))) {
				found = append(found, path)
			}
		}
	}
	require.NoError(t, filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.Contains(path, "/lagrum/"+lab) {
			found = append(found, path)
		}
		return nil
	}))
	for _, pattern := range []string{"/run/systemd/nspawn/*/" + lab + "-*", "/var/lib/lagrum/" + lab, "/run/netns/*" + lab + "*"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		found = append(found, paths...)
	}
	return found
}

// hostSettings are the host-wide kernel settings that a lab, its kubelets or its pods might touch.
func hostSettings(t *testing.T) map[string]string {
	t.Helper()
	settings := map[string]string{}
	for _, name := range []string{
		"fs/inotify/max_user_instances", "fs/inotify/max_user_watches", "kernel/panic", "kernel/panic_on_oops", "net/bridge/bridge-nf-call-iptables",
		"net/ipv4/ip_forward", "net/netfilter/nf_conntrack_max", "vm/overcommit_memory",
	} {
		value, err := os.ReadFile("/proc/sys/" + name)
		require.NoError(t, err)
		settings[name] = strings.TrimSpace(string(value))
	}
	return settings
}

// otherLabs tells whether a lab besides the one that was just taken down holds the host's settings raised.
func otherLabs() bool {
	_, err := os.Stat("/var/lib/lagrum/host.json")
	return err == nil
}

func hostRun(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
	return string(out)
}

// inside runs a shell command in a machine and returns what it printed.
func inside(t *testing.T, lab *machines.Lab, machine, script string) (string, error) {
	t.Helper()
	cmd, err := lab.Command(t.Context(), machine, "/bin/sh", "-c", script)
	if err != nil {
		return "", err
	}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// await tries until the machine's command succeeds.
func await(t *testing.T, lab *machines.Lab, machine, script string) string {
	t.Helper()
	deadline := time.Now().Add(bootTime)
	for {
		out, err := inside(t, lab, machine, script)
		if err == nil {
			return out
		}
		if time.Now().After(deadline) {
			console, _ := os.ReadFile(lab.ConsoleLog(machine))
			require.NoError(t, err, "%s: %s: %s\nconsole:\n%s", machine, script, out, console)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// serveData is user-data that leaves a mark and serves a file on two ports.
const serveData = `#cloud-config
write_files:
  - path: /srv/mark
    content: served
runcmd:
  - [sh, -c, 'echo booted >>/root/boots; hostname >/root/name']
  - [systemd-run, python3, -m, http.server, --directory, /srv, "8001"]
  - [systemd-run, python3, -m, http.server, --directory, /srv, "8002"]
`

const secret = "SENTINEL-of-the-machine"

func twoMachines(t *testing.T, lab *machines.Lab) (a, b machines.Machine) {
	t.Helper()
	ctx := t.Context()
	network, err := lab.CreateNetwork(ctx, machines.NetworkSpec{Name: "net", CIDR: "10.97.0.0/24"}, "urn:network")
	require.NoError(t, err)
	assert.Equal(t, "10.97.0.1", network.Gateway)
	_, err = lab.CreateFirewall(ctx, machines.FirewallSpec{Name: "nodes", Network: "net", Rules: []machines.Rule{
		{Name: "web", From: "worker", To: "control-plane", Protocol: "tcp", FirstPort: 8001, LastPort: 8001, Reason: "test"},
	}}, "urn:firewall")
	require.NoError(t, err)
	for i, machine := range []*machines.Machine{&a, &b} {
		spec := machines.MachineSpec{
			Name: []string{"a", "b"}[i], Role: []string{"control-plane", "worker"}[i], Network: "net", MemoryMiB: 512, CPUs: 1,
			UserData: serveData, Secrets: []byte(secret), Tags: map[string]string{"stack": "test"},
		}
		*machine, err = lab.CreateMachine(ctx, spec, "urn:machine:"+spec.Name)
		require.NoError(t, err)
	}
	for _, machine := range []string{"a", "b"} {
		await(t, lab, machine, "curl -sf http://127.0.0.1:8001/mark && curl -sf http://127.0.0.1:8002/mark")
	}
	return a, b
}

func TestMachines(t *testing.T) {
	lab := openLab(t, "tmach")
	a, b := twoMachines(t, lab)
	ctx := t.Context()

	t.Run("cloud-init did what user-data says", func(t *testing.T) {
		out, err := inside(t, lab, "a", "cat /root/boots /root/name; cat /etc/machine-id")
		require.NoError(t, err, out)
		assert.Equal(t, "booted\na\n"+a.UUID, out)
		out, err = inside(t, lab, "a", "systemctl is-system-running --wait; systemctl --failed --no-legend; cloud-init status")
		require.NoError(t, err, out)
		assert.Equal(t, "running\nstatus: done", out)
	})

	t.Run("the list knows them", func(t *testing.T) {
		all, err := lab.Machines()
		require.NoError(t, err)
		require.Len(t, all, 2)
		assert.Equal(t, []string{"a", "10.97.0.10", "urn:machine:a"}, []string{all[0].Name, all[0].Address, all[0].Owner})
		assert.Equal(t, machines.Running, all[0].Status())
		_, err = lab.CreateMachine(ctx, machines.MachineSpec{Name: "a", Network: "net", Role: "worker"}, "")
		assert.ErrorIs(t, err, machines.ErrExists)
		assert.EqualError(t, err, "machine a: exists already; import it, or delete it first")
	})

	t.Run("secrets are for the machine's root alone", func(t *testing.T) {
		out, err := inside(t, lab, "a", "cat /run/lagrum-lab/secrets.tar; stat -c ' %a %U' /run/lagrum-lab/secrets.tar; runuser -u nobody cat /run/lagrum-lab/secrets.tar 2>&1")
		assert.Error(t, err)
		assert.Equal(t, secret+" 600 root\ncat: /run/lagrum-lab/secrets.tar: Permission denied", out)
		assert.NotContains(t, hostRun(t, "ps", "axeww"), secret)
		for _, file := range []string{lab.ConsoleLog("a"), filepath.Join(lab.Dir(), "machines/a/machine.json"), filepath.Join(lab.Dir(), "machines/a/keeper.sh")} {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.NotEmpty(t, data)
			assert.NotContains(t, string(data), secret, file)
		}
		out, err = inside(t, lab, "a", "grep -rl SENTINEL /var/lib/cloud /var/log /etc; journalctl | grep -c SENTINEL")
		assert.Error(t, err)
		assert.Equal(t, "0", out)
	})

	t.Run("the firewall lets pass what it says and drops the rest", func(t *testing.T) {
		get := func(from, address string) (string, error) {
			return inside(t, lab, from, "curl -sf --connect-timeout 2 http://"+address+"/mark")
		}
		out, err := get("b", a.Address+":8001")
		assert.NoError(t, err)
		assert.Equal(t, "served", out)
		for name, row := range map[string]struct{ from, to string }{
			"another port":        {"b", a.Address + ":8002"},
			"the other direction": {"a", b.Address + ":8001"},
		} {
			_, err := get(row.from, row.to)
			assert.ErrorContains(t, err, "exit status 28", "%s: %s to %s", name, row.from, row.to) // curl's timeout: dropped, not refused
		}
		assert.Equal(t, "served", hostRun(t, "curl", "-sf", "--connect-timeout", "2", "http://"+a.Address+":8002/mark"), "the host reaches everything")
		out, err = inside(t, lab, "a", "ping -c 1 -W 2 "+b.Address)
		assert.Error(t, err, out)
		out, err = inside(t, lab, "a", "ping -6 -c 1 -W 2 ff02::1%host0")
		assert.Error(t, err, out)
		_, err = inside(t, lab, "a", "curl -s --connect-timeout 2 http://10.97.0.1:22")
		assert.ErrorContains(t, err, "exit status 28", "the host's own services are closed to machines")

		rules := []machines.Rule{{Name: "ping", From: "control-plane", To: "worker", Protocol: "icmp", Reason: "test"}}
		_, err = lab.UpdateFirewall(ctx, machines.FirewallSpec{Name: "nodes", Network: "net", Rules: rules})
		require.NoError(t, err)
		out, err = inside(t, lab, "a", "ping -c 1 -W 2 "+b.Address)
		assert.NoError(t, err, out)
		_, err = get("b", a.Address+":8001")
		assert.ErrorContains(t, err, "exit status 28", "a rule that was taken away")
	})

	t.Run("machines do not see each other's control groups", func(t *testing.T) {
		out, err := inside(t, lab, "a", "mkdir /sys/fs/cgroup/memory/kubepods && ls -d /sys/fs/cgroup/memory/kubepods; cut -d: -f3 /proc/1/cgroup | sort -u")
		require.NoError(t, err, out)
		assert.Contains(t, out, "/sys/fs/cgroup/memory/kubepods")
		assert.NotContains(t, out, "lagrum")
		out, err = inside(t, lab, "b", "ls -d /sys/fs/cgroup/memory/kubepods")
		assert.Error(t, err, out)
		out, err = inside(t, lab, "a", "rmdir /sys/fs/cgroup/memory/kubepods")
		require.NoError(t, err, out)
	})

	t.Run("a reboot from inside comes back and runs nothing twice", func(t *testing.T) {
		before := await(t, lab, "a", "cat /proc/sys/kernel/random/boot_id")
		_, err := inside(t, lab, "a", "systemctl reboot")
		require.NoError(t, err)
		await(t, lab, "a", "test $(cat /proc/sys/kernel/random/boot_id) != "+before+" && systemctl is-active cloud-init.target")
		out, err := inside(t, lab, "a", "cat /root/boots; ls /run/lagrum-lab")
		require.NoError(t, err, out)
		assert.Equal(t, "booted\nsecrets.tar", out)
	})

	t.Run("a power cut keeps the disk", func(t *testing.T) {
		_, err := inside(t, lab, "a", "echo kept >/root/kept; echo kept >/var/lib/etcd/kept; sync")
		require.NoError(t, err)
		require.NoError(t, lab.KillMachine(ctx, "a"))
		dead, err := lab.Machine("a")
		require.NoError(t, err, "a dead machine still exists")
		assert.Equal(t, machines.Stopped, dead.Status())
		_, err = inside(t, lab, "a", "true")
		assert.ErrorContains(t, err, "machine a: is not running")
		require.NoError(t, lab.StartMachine(ctx, "a"))
		assert.Equal(t, "kept\nkept\nbooted", await(t, lab, "a", "cat /root/kept /var/lib/etcd/kept /root/boots"))
		require.NoError(t, lab.StartMachine(ctx, "a"), "starting what runs is fine")
	})

	t.Run("an orderly stop runs the machine's own shutdown", func(t *testing.T) {
		await(t, lab, "b", "systemctl is-active cloud-init.target")
		_, err := inside(t, lab, "b", "systemd-run --property=ExecStop='/bin/sh -c \"echo stopped >/root/stopped\"' --remain-after-exit true")
		require.NoError(t, err)
		require.NoError(t, lab.StopMachine(ctx, "b"))
		data, err := os.ReadFile(filepath.Join(lab.Dir(), "machines/b/upper/root/stopped"))
		require.NoError(t, err)
		assert.Equal(t, "stopped\n", string(data))
	})

	t.Run("tags change in place", func(t *testing.T) {
		require.NoError(t, lab.SetTags("a", map[string]string{"stack": "other"}))
		machine, err := lab.Machine("a")
		require.NoError(t, err)
		assert.Equal(t, map[string]string{"stack": "other"}, machine.Tags)
		assert.Equal(t, machines.Running, machine.Status())
	})

	t.Run("a deleted machine is gone and its name is free", func(t *testing.T) {
		require.NoError(t, lab.DeleteMachine(ctx, "b"))
		require.NoError(t, lab.DeleteMachine(ctx, "b"), "deleting twice is fine")
		_, err := lab.Machine("b")
		assert.ErrorIs(t, err, machines.ErrNotFound)
		again, err := lab.CreateMachine(ctx, machines.MachineSpec{Name: "b", Network: "net", Role: "worker", UserData: serveData}, "")
		require.NoError(t, err)
		assert.NotEqual(t, b.Address, again.Address, "an address is not given again at once")
		assert.NotEqual(t, b.UUID, again.UUID)
		assert.Equal(t, "booted", await(t, lab, "b", "cat /root/boots"), "it is a new machine to cloud-init")
	})

	t.Run("a network in use stays", func(t *testing.T) {
		assert.EqualError(t, lab.DeleteNetwork(ctx, "net"), "network net: still used by machines [a b]; delete them first")
	})
}

func TestFailedCreationLeavesNothing(t *testing.T) {
	lab := openLab(t, "tfail")
	ctx := t.Context()
	_, err := lab.CreateNetwork(ctx, machines.NetworkSpec{Name: "net", CIDR: "10.97.1.0/24"}, "")
	require.NoError(t, err)
	// Looks like a root file system and does not boot.
	broken := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(broken, "usr/lib/systemd"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(broken, "usr/lib/systemd/systemd"), nil, 0o755))
	require.NoError(t, lab.UseRootFS(broken))
	_, err = lab.CreateMachine(ctx, machines.MachineSpec{Name: "a", Network: "net", Role: "worker"}, "")
	assert.ErrorContains(t, err, "machine a: did not boot; the end of its console:\n")
	all, err := lab.Machines()
	require.NoError(t, err)
	assert.Empty(t, all)
	assert.NoDirExists(t, filepath.Join(lab.Dir(), "machines/a"))
	assert.NoError(t, lab.DeleteNetwork(ctx, "net"), "nothing uses it")
}

// TestHelperCreate is no test: TestKilledAnywhere runs it in a process of its own and kills that.
func TestHelperCreate(t *testing.T) {
	name := os.Getenv("LAGRUM_TEST_CREATE")
	if name == "" {
		return
	}
	lab, err := machines.Open(name, "")
	require.NoError(t, err)
	_, err = lab.CreateNetwork(t.Context(), machines.NetworkSpec{Name: "net", CIDR: "10.97.2.0/24"}, "")
	require.NoError(t, err)
	_, err = lab.CreateLoadBalancer(t.Context(), machines.LoadBalancerSpec{Name: "api", Network: "net", Port: 6443}, "")
	require.NoError(t, err)
	_, err = lab.CreateMachine(t.Context(), machines.MachineSpec{Name: "a", Network: "net", Role: "worker", UserData: serveData, Secrets: []byte(secret)}, "urn:a")
	require.NoError(t, err)
	fmt.Println("created")
}

func TestKilledAnywhere(t *testing.T) {
	lab := openLab(t, "tkill")
	layers := rootLayers(t)
	finished := 0
	for _, after := range []time.Duration{1, 10, 25, 50, 75, 100, 150, 200, 250, 300, 350, 400, 500, 600, 800, 3000} {
		require.NoError(t, lab.UseRootFS(layers...))
		cmd := exec.Command(os.Args[0], "-test.run=^TestHelperCreate$")
		cmd.Env = append(os.Environ(), "LAGRUM_TEST_CREATE="+lab.Name())
		var out bytes.Buffer
		cmd.Stdout = &out
		require.NoError(t, cmd.Start())
		time.Sleep(after * time.Millisecond)
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // killed
		if strings.Contains(out.String(), "created") {
			finished++
		}
		removed, err := lab.Down(t.Context())
		require.NoError(t, err, "after %d ms; removed: %v", after, removed)
		t.Logf("killed after %d ms: %d traces removed", after, len(removed))
		require.Empty(t, traces(t, lab.Name()), "after %d ms", after)
	}
	assert.Positive(t, finished, "the longest wait must reach the end, or the kills all came too early")
	assert.Less(t, finished, 10, "the kills must not all come after the end")
}
