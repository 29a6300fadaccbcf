package encryption

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
)

const job = "kubernetes:batch/v1:Job"

func key(n int) []byte {
	k := make([]byte, 32)
	k[0] = byte(n)
	return k
}

// steps are a whole change, of which so many are complete.
func steps(complete int) []plan.EncryptionStep {
	all := []plan.EncryptionStep{
		{Keys: plan.Keys{1}}, {Keys: plan.Keys{1, 2}, Retirements: 1}, {Keys: plan.Keys{2, 1}, Retirements: 2}, {Keys: plan.Keys{2}, Retirements: 3},
	}
	for i := range complete {
		all[i].Complete = true
	}
	return all
}

func run(t *testing.T, preview bool, steps ...plan.EncryptionStep) *harness.Recording {
	t.Helper()
	return harness.Run(t, func(ctx *pulumi.Context) error {
		providers, err := harness.Providers(ctx, "kubernetes", "lab")
		if err != nil {
			return err
		}
		made := func(name string) pulumi.Resource {
			r := &struct{ pulumi.CustomResourceState }{}
			require.NoError(t, ctx.RegisterResource("lab:index:Machine", name, pulumi.Map{}, r, providers))
			return r
		}
		keys := map[int]pulumi.StringOutput{}
		for n := 1; n <= 2; n++ {
			keys[n] = pulumi.ToSecret(pulumi.String(base64.StdEncoding.EncodeToString(key(n)))).(pulumi.StringOutput)
		}
		_, err = New(ctx, "dev-encryption", &Args{
			Plan:     &plan.Plan{Name: "dev", Cluster: plan.Cluster{Name: "dev", EtcdTag: "3.6.5-0", APIPort: 6443, Encryption: steps}},
			Endpoint: pulumi.String("10.20.0.2"), Keys: keys, Guards: []pulumi.Resource{made("guard")},
			Retired: []pulumi.Resource{made("first"), made("second"), made("third")},
		}, providers)
		return err
	}, harness.Options{Preview: preview})
}

func TestGraph(t *testing.T) {
	t.Parallel()
	for name, preview := range map[string]bool{"preview": true, "update": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden.Compare(t, "graph.txt", run(t, preview, steps(4)...).Graph())
		})
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	objects, err := run(t, false, steps(3)...).Objects()
	require.NoError(t, err)
	golden.Compare(t, "objects.yaml", objects)
}

// A cluster whose key never changed has no account that may patch Secrets.
func TestNothingToChange(t *testing.T) {
	t.Parallel()
	assert.NotContains(t, run(t, false, steps(1)[:1]...).Graph(), "kubernetes:core")
}

// A step ends after its own retirements and the step before, and never waits for those that wait for it.
func TestOrder(t *testing.T) {
	t.Parallel()
	r := run(t, false, steps(3)...)
	require.Len(t, r.Of(job), 2, "the last step is not complete")
	machine := func(name string) string { return r.Get(t, "lab:index:Machine", name).URN }
	reads, writes := r.Get(t, job, "dev-encryption-1-2"), r.Get(t, job, "dev-encryption-2-1")
	assert.Contains(t, reads.Dependencies, machine("first"))
	assert.NotContains(t, reads.Dependencies, machine("second"), "that one is of a control plane that waits for this job")
	assert.Contains(t, writes.Dependencies, machine("second"))
	assert.NotContains(t, writes.Dependencies, machine("third"))
	assert.Contains(t, writes.Dependencies, reads.URN)
	for _, made := range []*harness.Resource{reads, writes} {
		assert.Contains(t, made.Dependencies, machine("guard"))
		assert.Contains(t, made.Dependencies, r.Get(t, "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding", "dev-encryption").URN)
		assert.True(t, made.DeleteBeforeReplace)
		assert.Equal(t, "1h5m0s", made.CreateTimeout)
	}
}

// A change that is over and no longer told keeps its last job: control planes that join ask for it.
func TestForgottenChange(t *testing.T) {
	t.Parallel()
	over := plan.EncryptionStep{Keys: plan.Keys{2}, Complete: true}
	before, after := run(t, false, steps(4)...), run(t, false, over)
	require.Len(t, after.Of(job), 1)
	assert.Equal(t, before.Get(t, job, "dev-encryption-2").Inputs, after.Get(t, job, "dev-encryption-2").Inputs)
}

// The key itself is nowhere; its name may be read by everybody who reads etcd.
func TestNoKeyInTheCluster(t *testing.T) {
	t.Parallel()
	text := fmt.Sprint(run(t, false, steps(4)...).Get(t, job, "dev-encryption-2-1").Inputs)
	assert.Contains(t, text, bootstrap.EncryptionKeyName(key(2)))
	for n := 1; n <= 2; n++ {
		assert.NotContains(t, text, base64.StdEncoding.EncodeToString(key(n)))
	}
}

func TestScriptPassesShellcheck(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("shellcheck")
	require.NoError(t, err, "shellcheck is needed to check the script: apt-get install shellcheck")
	out, err := exec.Command(program, "--shell=sh", "rewrite.sh").CombinedOutput()
	assert.NoError(t, err, string(out))
}

// The real script in a real shell, with stand-ins for what it asks. What it does to a real API server: tests/e2e.
func TestScriptRefuses(t *testing.T) {
	t.Parallel()
	const whole = `case "$*" in *masterleases*) echo /registry/masterleases/10.0.0.1 ;; *kubeadm-config*)
echo '"Key" : "/registry/configmaps/kube-system/kubeadm-config"'; echo '"Value" : "k8s:enc:secretbox:v1:key-00000002:..."'; echo '"More" : false' ;; *) echo '"More" : false' ;; esac`
	for _, row := range []struct{ name, nodes, etcdctl, curl, said string }{
		{"nothing to do", "cp-1-g3=2-1", whole, "200", "done: all of it lies in etcd under key-00000002"},
		{"nobody is a control plane", "", whole, "200", "the API lists no control plane"},
		{"a control plane that does not say", "cp-1-g3=2-1\ncp-2-g1=", whole, "200", "cp-2-g1 does not say which keys it was born with; replace it"},
		{"a control plane of the step before", "cp-1-g3=2-1\ncp-2-g2=1-2", whole, "200", "cp-2-g2 was born with keys 1-2; replace it, and declare no further step before"},
		{"all are further", "cp-1-g4=2", whole, "200", "the cluster is further already: nothing to do"},
		{"an etcd that is gone", "cp-1-g3=2-1", "exit 1", "200", "etcd does not answer"},
		{"an answer that is cut off", "cp-1-g3=2-1", `case "$*" in *masterleases*|*kubeadm-config*) ` + whole + ` ;; *) echo '"Key" : "/registry/secrets/a/more"' ;; esac`,
			"200", "etcd does not answer"},
		{"an API server that refuses", "cp-1-g3=2-1", whole, "403", "the API server at 10.0.0.1 answers 403"},
		{"one that never goes over", "cp-1-g3=2-1", `case "$*" in *" /registry/secrets"*) echo '"Key" : "/registry/secrets/a/b"'; echo '"Value" : "k8s:enc:secretbox:v1:key-00000001:..."'; echo '"More" : false' ;; *) ` +
			whole + " ;; esac", "200", "after 5 passes there is still something that is not under key-00000002: /registry/secrets/a/b"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, body := range map[string]string{"kubectl": "printf '" + row.nodes + "'", "etcdctl": row.etcdctl, "curl": "cat >/dev/null; printf " + row.curl, "sleep": "exit 0"} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755))
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte("a-token"), 0o600))
			shell := exec.Command("/bin/sh", "-c", script)
			shell.Env = []string{"PATH=" + dir + ":/usr/bin:/bin", "KEYS=2-1", "NAME=key-00000002", "ENCRYPTED=secrets configmaps *.dex.coreos.com",
				"CREDENTIALS=" + dir, "KUBERNETES_SERVICE_HOST=10.0.0.9", "KUBERNETES_SERVICE_PORT=6443"}
			output, err := shell.CombinedOutput()
			assert.Equal(t, row.said == "done: all of it lies in etcd under key-00000002" || row.said == "the cluster is further already: nothing to do", err == nil, string(output))
			assert.Contains(t, string(output), "encryption key 2-1: "+row.said+"\n")
			assert.NotContains(t, string(output), "a-token")
		})
	}
}
