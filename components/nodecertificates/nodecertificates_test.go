package nodecertificates

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
	"github.com/lagrum/lagrum/tests/harness"
)

func run(t *testing.T, alias pulumi.StringInput, preview bool) *harness.Recording {
	t.Helper()
	return harness.Run(t, func(ctx *pulumi.Context) error {
		providers, err := harness.Providers(ctx, "kubernetes", "lab")
		if err != nil {
			return err
		}
		guard := &struct{ pulumi.CustomResourceState }{}
		if err := ctx.RegisterResource("lab:index:Machine", "guard", pulumi.Map{}, guard, providers); err != nil {
			return err
		}
		_, err = New(ctx, "dev-nodes", &Args{
			Plan:     &plan.Plan{Name: "dev", Cluster: plan.Cluster{Name: "dev", EtcdTag: "3.6.5-0", APIPort: 6443}},
			Endpoint: pulumi.String("10.20.0.2"), Guards: []pulumi.Resource{guard},
			Machines: map[string]Machine{
				"cp-1-g1": {Address: pulumi.String("10.20.0.10")}, "w-1-g1": {Address: pulumi.String("10.20.0.11"), Alias: alias},
			},
		}, providers)
		return err
	}, harness.Options{Preview: preview})
}

func TestGraph(t *testing.T) {
	t.Parallel()
	for name, preview := range map[string]bool{"preview": true, "update": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden.Compare(t, "graph.txt", run(t, nil, preview).Graph())
		})
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	objects, err := run(t, nil, false).Objects()
	require.NoError(t, err)
	golden.Compare(t, "objects.yaml", objects)
}

func TestAlias(t *testing.T) {
	t.Parallel()
	made := run(t, pulumi.String("ip-10-20-0-11.internal"), false).Get(t, "kubernetes:core/v1:ConfigMap", "dev-nodes-node-addresses")
	assert.Equal(t, map[string]any{"cp-1-g1": "10.20.0.10", "w-1-g1": "10.20.0.11 ip-10-20-0-11.internal"}, made.Inputs["data"])
}

func TestScriptPassesShellcheck(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("shellcheck")
	require.NoError(t, err, "shellcheck is needed to check the script: apt-get install shellcheck")
	out, err := exec.Command(program, "--shell=sh", "approve.sh").CombinedOutput()
	assert.NoError(t, err, string(out))
}

// asked is a request as a kubelet would make it, changed by a test.
type asked struct {
	user, groups, usages string
	name                 pkix.Name
	dns                  []string
	ips                  []string
	more                 []pkix.Extension
	spoil                bool
}

func lawful() asked {
	return asked{
		user: "system:node:w-1-g1", groups: `["system:nodes","system:authenticated"]`, usages: `["digital signature","server auth"]`,
		name: pkix.Name{CommonName: "system:node:w-1-g1", Organization: []string{"system:nodes"}},
		dns:  []string{"w-1-g1"}, ips: []string{"10.20.0.11"},
	}
}

func (a asked) line(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.CertificateRequest{Subject: a.name, DNSNames: a.dns, ExtraExtensions: a.more}
	for _, ip := range a.ips {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(ip))
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	require.NoError(t, err)
	if a.spoil {
		der[len(der)-1] ^= 1
	}
	text := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	return strings.Join([]string{"csr-1", "", a.user, a.groups, a.usages, text}, "|")
}

// The real script and the real openssl, with a stand-in for kubectl. What a node could try, and what else would be signed.
func TestScript(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		change func(*asked)
		said   string // empty: approved
	}{
		{"as it should be", func(*asked) {}, ""},
		{"an RSA key's usages", func(a *asked) { a.usages = `["digital signature","key encipherment","server auth"]` }, ""},
		{"its address alone", func(a *asked) { a.dns = nil }, ""},
		{"by the cloud's name", func(a *asked) { a.dns = []string{"ip-10-20-0-11.eu-north-1.compute.internal"} }, ""},
		{"by both names", func(a *asked) { a.dns = []string{"ip-10-20-0-11.eu-north-1.compute.internal", "w-1-g1"} }, ""},
		{"another node's name", func(a *asked) { a.dns = []string{"cp-1-g1"} }, "it asks for other names or addresses"},
		{"another node's name besides", func(a *asked) { a.dns = append(a.dns, "cp-1-g1") }, "it asks for other names or addresses"},
		{"the API's name", func(a *asked) { a.dns = append(a.dns, "kubernetes.default.svc") }, "it asks for other names or addresses"},
		{"every name", func(a *asked) { a.dns = []string{"*"} }, "it asks for other names or addresses"},
		{"a foreign address", func(a *asked) { a.ips = []string{"10.20.0.10"} }, "it asks for other names or addresses"},
		{"a foreign address besides", func(a *asked) { a.ips = append(a.ips, "10.20.0.10") }, "it asks for other names or addresses"},
		{"an address that begins like its own", func(a *asked) { a.ips = []string{"10.20.0.110"} }, "it asks for other names or addresses"},
		{"an address hidden behind a line's end", func(a *asked) { a.dns, a.ips = []string{"w-1-g1, IP Address:10.20.0.11\n"}, []string{"10.20.0.10"} }, "it asks for other names or addresses"},
		{"a name that reads like an address", func(a *asked) { a.dns, a.ips = []string{"w-1-g1, IP Address:10.20.0.11"}, nil }, "it asks for other names or addresses"},
		{"no name and no address", func(a *asked) { a.dns, a.ips = nil, nil }, "it asks for other names or addresses"},
		{"a name and no address", func(a *asked) { a.ips = nil }, "it asks for other names or addresses"},
		{"a second list of names", func(a *asked) {
			a.more = []pkix.Extension{{Id: []int{2, 5, 29, 17}, Critical: true, Value: []byte("\x30\x09\x82\x07cp-1-g1")}}
		}, "it asks for other names or addresses"},
		{"another node's subject", func(a *asked) { a.name.CommonName = "system:node:cp-1-g1" }, "subject=CN=system:node:cp-1-g1,O=system:nodes is somebody else"},
		{"a subject with more", func(a *asked) { a.name.OrganizationalUnit = []string{"system:masters"} }, "is somebody else"},
		{"the masters' group", func(a *asked) { a.name.Organization = append(a.name.Organization, "system:masters") }, "is somebody else"},
		{"asked by another node", func(a *asked) { a.user = "system:node:cp-1-g1" }, "subject=CN=system:node:w-1-g1,O=system:nodes is somebody else"},
		{"asked by a person", func(a *asked) { a.user = "admin" }, "not of a node"},
		{"asked by a service account that calls itself so", func(a *asked) { a.groups = `["system:serviceaccounts","system:authenticated"]` }, "not of a node"},
		{"a node's name with a way out", func(a *asked) { a.user = "system:node:w-1-g1']}{.data" }, "not of a node"},
		{"a node that the program has not made", func(a *asked) { a.user = "system:node:w-9-g1" }, "the program has no such node"},
		{"a certificate for clients", func(a *asked) { a.usages = `["digital signature","client auth"]` }, `it is for ["digital signature","client auth"]`},
		{"one for both", func(a *asked) { a.usages = `["digital signature","client auth","server auth"]` }, "it is for"},
		{"a key that it has not", func(a *asked) { a.spoil = true }, "it is not signed with its own key"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := lawful()
			row.change(&a)
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "open"), []byte(a.line(t)+"\n"), 0o600))
			for name, body := range map[string]string{
				"kubectl": fmt.Sprintf(`case "$*" in
*"get certificatesigningrequests --field-selector spec.signerName=kubernetes.io/kubelet-serving "*) cat %[1]s/open ;;
*"get configmap node-addresses "*".data['w-1-g1']}") printf '10.20.0.11 ip-10-20-0-11.eu-north-1.compute.internal' ;;
*"get configmap node-addresses "*".data['cp-1-g1']}") printf 10.20.0.10 ;;
*"get configmap node-addresses "*) ;;
*"certificate approve csr-1") touch %[1]s/approved ;;
*) exit 1 ;;
esac`, dir),
				"sleep": fmt.Sprintf("[ ! -e %[1]s/again ] || kill $PPID; touch %[1]s/again", dir), // it looks twice
			} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755))
			}
			shell := exec.Command("/bin/sh", "-c", script)
			shell.Env = []string{"PATH=" + dir + ":/usr/bin:/bin", "TABLE=node-addresses"}
			output, _ := shell.CombinedOutput() // it is ended by a signal
			_, err := os.Stat(filepath.Join(dir, "approved"))
			assert.Equal(t, row.said == "", err == nil, string(output))
			if row.said == "" {
				assert.Empty(t, string(output))
				return
			}
			assert.Equal(t, 1, strings.Count(string(output), "request csr-1 of "+a.user+" is not approved: "), "said once: %s", output)
			assert.Contains(t, string(output), row.said)
		})
	}
}
