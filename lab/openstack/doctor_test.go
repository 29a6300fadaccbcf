//go:build openstack

package openstack

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/lab/process"
)

// stop ends a service as a crash would, and start brings it back.
func (l *Lab) stop(t *testing.T, name string) {
	require.NoError(t, process.KillMarked(t.Context(), l.mark(name)))
}

func (l *Lab) start(t *testing.T, name string) {
	for _, d := range l.daemons() {
		if d.name == name {
			require.NoError(t, l.serve(context.WithoutCancel(t.Context()), d))
			return
		}
	}
	t.Fatalf("no service %s", name)
}

// doctor runs the companion command on the product's stack and returns what it said and its exit code.
func (p *product) doctor(t *testing.T, flags ...string) (said string, code int) {
	started := time.Now()
	cmd := exec.Command("timeout", append([]string{"--kill-after=10", "300", filepath.Join(p.bin, "lagrum"), "doctor", "--stack", productName}, flags...)...)
	cmd.Dir, cmd.Env = p.dir, append(p.env, "PATH="+filepath.Dir(p.cli)+":"+os.Getenv("PATH"))
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		require.NoError(t, err)
	}
	t.Logf("doctor %s: exit code %d after %s\n%s", strings.Join(flags, " "), code, time.Since(started).Round(100*time.Millisecond), text)
	for _, variable := range p.env {
		if secret, ok := strings.CutPrefix(variable, "OS_APPLICATION_CREDENTIAL_SECRET="); ok {
			require.NotContains(t, string(text), secret, "the doctor shows a secret")
		}
	}
	return string(text), code
}

// standing is one thing as its API tells.
type standing struct {
	ID, Name, Status string
	Provisioning     string `json:"provisioning_status"`
	Metadata         map[string]string
	Tags             []string
}

// ours lists the volumes and load balancers of the product's stack.
func (p *product) ours(t *testing.T, tenant *Client) (volumes, balancers []standing) {
	var list struct {
		Volumes       []standing
		LoadBalancers []standing
	}
	require.NoError(t, tenant.Get(t.Context(), "cinder", "/volumes/detail", &list))
	require.NoError(t, tenant.Get(t.Context(), "octavia", "/lbaas/loadbalancers", &list))
	for _, volume := range list.Volumes {
		if volume.Metadata["lagrum-stack"] == productName {
			volumes = append(volumes, volume)
		}
	}
	return volumes, list.LoadBalancers
}

// other is a thing of another stack in the same project, named as if it were ours.
func other(t *testing.T, tenant *Client) (volume, group string) {
	var made struct {
		Volume standing
		Group  standing `json:"security_group"`
	}
	require.NoError(t, tenant.Post(t.Context(), "cinder", "/volumes", map[string]any{"volume": map[string]any{
		"size": 1, "volume_type": PlainType, "name": productName + "-workers-1-g9-data", "metadata": map[string]string{"lagrum-stack": "dk-test"},
	}}, &made))
	require.NoError(t, tenant.Post(t.Context(), "neutron", "/security-groups", map[string]any{"security_group": map[string]any{"name": productName + "-worker"}}, &made))
	require.NoError(t, tenant.Put(t.Context(), "neutron", "/security-groups/"+made.Group.ID+"/tags/lagrum-stack=dk-test", nil, nil))
	return made.Volume.ID, made.Group.ID
}

// killedMidCreate kills the first update while Cinder and Octavia have work in their queues and nobody to do it. What was
// begun then is carried out when they return, outside the state; the doctor finds it and removes it, and nobody else's.
func (p *product) killedMidCreate(t *testing.T, l *Lab, tenant *Client) {
	started := time.Now()
	volume, group := other(t, tenant)
	require.Eventually(t, func() bool { // what it is made of must be there before the service goes
		var answer struct{ Volume standing }
		return assert.NoError(t, tenant.Get(t.Context(), "cinder", "/volumes/"+volume, &answer)) && answer.Volume.Status == "available"
	}, time.Minute, time.Second)
	l.stop(t, "cinder-volume")
	l.stop(t, "octavia-worker")

	var said bytes.Buffer
	up := exec.Command("timeout", append([]string{"--kill-after=10", "300", p.cli}, p.targeted("up", "--yes", "--skip-preview")...)...)
	up.Dir, up.Env, up.Stdout, up.Stderr = p.dir, p.env, &said, &said
	up.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, up.Start())
	ended := make(chan error, 1)
	go func() { ended <- up.Wait() }()
	require.Eventually(t, func() bool {
		volumes, balancers := p.ours(t, tenant)
		return len(volumes) == 5 && len(balancers) == 2
	}, 2*time.Minute, time.Second, "the update begins its creates")
	p.kill(t)
	<-ended

	text, code := p.doctor(t, "--remove")
	assert.Equal(t, 2, code)
	assert.Contains(t, text, "is dead (it no longer runs): cleared")
	volumes, balancers := p.ours(t, tenant)
	require.Len(t, volumes, 5, "what the cloud is still at is not removed")
	require.Len(t, balancers, 2)
	for _, made := range append(volumes, balancers...) {
		assert.Regexp(t, made.ID+` +`+made.Name+` +(creating|PENDING_CREATE) +outside +tag +no`, text)
	}
	assert.Contains(t, text, "--remove leaves it: the cloud is still at it")

	l.start(t, "cinder-volume")
	l.start(t, "octavia-worker")
	require.Eventually(t, func() bool {
		volumes, balancers = p.ours(t, tenant)
		for _, made := range append(volumes, balancers...) {
			if made.Status == "creating" || made.Status == "downloading" || made.Provisioning == "PENDING_CREATE" {
				return false
			}
		}
		return true
	}, 2*time.Minute, time.Second, "what was cancelled is carried out")
	text, code = p.doctor(t)
	assert.Equal(t, 2, code)
	for _, made := range volumes {
		assert.Regexp(t, made.ID+` +`+made.Name+` +(available|error) +outside +tag +yes`, text)
		assert.Contains(t, text, "do: openstack volume delete "+made.ID+"\n")
	}
	for _, made := range balancers {
		assert.Regexp(t, made.ID+` +`+made.Name+` +ACTIVE +outside +tag +yes`, text)
		assert.Contains(t, text, "do: openstack loadbalancer delete --cascade "+made.ID+"\n")
	}
	again, _ := p.ours(t, tenant)
	require.Len(t, again, 5, "nothing is removed unasked")
	// What has no tag yet is left while another stack's things are named as ours are: its name proves nothing then.
	text, _ = p.doctor(t, "--remove")
	volumes, balancers = p.ours(t, tenant)
	assert.Empty(t, volumes)
	assert.Empty(t, balancers)
	t.Run("another stack's things stay", func(t *testing.T) {
		for service, path := range map[string]string{"cinder": "/volumes/" + volume, "neutron": "/security-groups/" + group} {
			require.NoError(t, tenant.Get(t.Context(), service, path, new(map[string]any)))
			assert.NotContains(t, text, path[strings.LastIndex(path, "/")+1:])
			_, err := tenant.do(t.Context(), http.MethodDelete, service, path, nil, nil, nil)
			require.NoError(t, err)
		}
		require.Eventually(t, func() bool {
			return tenant.Get(t.Context(), "cinder", "/volumes/"+volume, new(map[string]any)) != nil
		}, time.Minute, time.Second)
	})
	text, code = p.doctor(t, "--remove")
	assert.Zero(t, code, text)
	t.Logf("an update killed in the middle, and what it left: %s", time.Since(started).Round(time.Second))
}

// kill ends the engine and all that it started, at once: they carry the address of the test's own backend.
func (p *product) kill(t *testing.T) {
	backend := ""
	for _, variable := range p.env {
		if strings.HasPrefix(variable, "PULUMI_BACKEND_URL=") {
			backend = variable
		}
	}
	require.NotEmpty(t, backend)
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	killed := 0
	for _, path := range environments {
		text, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(text, []byte(backend+"\x00")) {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(path, "/")[2])
		require.NoError(t, err)
		if pid != os.Getpid() && syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed++
		}
	}
	assert.Greater(t, killed, 1, "the engine and its plugins")
}

// failedVolumes has Cinder's backend fail: the volumes stay behind in error, outside the state.
func (p *product) failedVolumes(t *testing.T, l *Lab, tenant *Client) {
	started := time.Now()
	tool := l.Path("bin", "qemu-img")
	require.NoError(t, os.WriteFile(tool, []byte("#!/bin/sh\necho 'the backend is out of order' >&2\nexit 1\n"), 0o700))
	before, _ := p.ours(t, tenant)
	text, err := p.attempt("up", "--yes", "--skip-preview")
	require.Error(t, err, text)
	require.NoError(t, os.Remove(tool))
	volumes, _ := p.ours(t, tenant)
	var failed []standing
	for _, volume := range volumes {
		if volume.Status == "error" {
			failed = append(failed, volume)
		}
	}
	require.Len(t, failed, 2, "the new worker's disks")
	text, code := p.doctor(t)
	assert.Equal(t, 2, code)
	for _, volume := range failed {
		assert.Regexp(t, volume.ID+` +`+volume.Name+` +error +outside +tag +yes`, text)
		assert.Contains(t, text, "do: openstack volume delete "+volume.ID+"\n")
	}
	assert.Contains(t, text, "outside the state: its creation failed")
	text, code = p.doctor(t, "--remove")
	assert.Zero(t, code, text)
	after, _ := p.ours(t, tenant)
	assert.ElementsMatch(t, before, after)
	t.Logf("volumes whose creation failed: %s", time.Since(started).Round(time.Second))
}

// failedBalancers has Octavia fail, since the authority is gone that certifies what it makes load balancers of: they stay
// behind in ERROR, outside the state.
func (p *product) failedBalancers(t *testing.T, l *Lab, tenant *Client) {
	started := time.Now()
	key, away := l.Path("etc", "octavia-ca.key"), l.Path("etc", "octavia-ca.key.away")
	require.NoError(t, os.Rename(key, away))
	text, err := p.attempt("up", "--yes", "--skip-preview")
	require.NoError(t, os.Rename(away, key))
	require.Error(t, err, text)
	_, balancers := p.ours(t, tenant)
	require.Len(t, balancers, 2)
	text, code := p.doctor(t)
	assert.Equal(t, 2, code)
	for _, balancer := range balancers {
		require.Equal(t, "ERROR", balancer.Provisioning, balancer.Name)
		assert.Regexp(t, balancer.ID+` +`+balancer.Name+` +ERROR +outside +tag +yes`, text)
		assert.Contains(t, text, "do: openstack loadbalancer delete --cascade "+balancer.ID+"\n")
	}
	text, code = p.doctor(t, "--remove")
	assert.Zero(t, code, text)
	_, balancers = p.ours(t, tenant)
	assert.Empty(t, balancers)
	t.Logf("load balancers whose creation failed: %s", time.Since(started).Round(time.Second))
}

// spareFlavour is the size of a pool that the test adds.
const spareFlavour = "lab.spare"

// failedMachine has Nova find no host that is large enough: the instance is in ERROR, and in the state as if it were made.
// What the doctor says about it is done word for word.
func (p *product) failedMachine(t *testing.T, l *Lab, tenant *Client) {
	started := time.Now()
	admin, err := l.Login(t.Context(), "admin")
	require.NoError(t, err)
	size := map[string]any{"vcpus": 1 << 20, "ram": 2048, "disk": 0}
	flavour, err := admin.ensure(t.Context(), "nova", "/flavors", "flavor", spareFlavour, size)
	require.NoError(t, err)
	spare := maps.Clone(p.pool("workers"))
	spare["name"], spare["count"], spare["size"] = "spare", 1, spareFlavour
	spare["disks"] = []any{map[string]any{"name": "root", "gib": 20}}
	p.site["nodePools"] = append(p.site["nodePools"].([]any), spare)
	p.write(t)
	text, err := p.attempt("up", "--yes", "--skip-preview")
	require.Error(t, err, text)
	name := productName + "-spare-1-g1"
	server := func() standing {
		var list struct{ Servers []standing }
		require.NoError(t, tenant.Get(t.Context(), "nova", "/servers/detail?name="+name, &list))
		require.Len(t, list.Servers, 1, text)
		return list.Servers[0]
	}
	failed := server()
	require.Equal(t, "ERROR", failed.Status)

	text, code := p.doctor(t, "--remove")
	assert.Equal(t, 2, code)
	assert.Regexp(t, failed.ID+` +`+name+` +ERROR +inside +the state +no`, text)
	assert.Equal(t, failed, server(), "what is in the state is not removed")
	command := regexp.MustCompile(`do: pulumi (up) (--replace) '(urn:[^']+::` + name + `)'`).FindStringSubmatch(text)
	require.NotEmpty(t, command, text)
	_, err = admin.do(t.Context(), http.MethodDelete, "nova", "/flavors/"+flavour, nil, nil, nil)
	require.NoError(t, err)
	size["vcpus"] = 1
	_, err = admin.ensure(t.Context(), "nova", "/flavors", "flavor", spareFlavour, size)
	require.NoError(t, err)
	p.update(t, append(command[1:], "--yes", "--skip-preview")...)
	assert.Equal(t, "ACTIVE", server().Status)
	text, code = p.doctor(t)
	assert.Zero(t, code, text)
	assert.Contains(t, text, "the cloud holds what the state holds")
	t.Logf("an instance in ERROR: %s", time.Since(started).Round(time.Second))
}
