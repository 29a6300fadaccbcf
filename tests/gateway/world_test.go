//go:build lab

package gateway_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/gateway"
	"github.com/lagrum/lagrum/components/identity"
	"github.com/lagrum/lagrum/components/pki"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/stacks"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/harness"
	"github.com/lagrum/lagrum/tests/objects"
	"github.com/lagrum/lagrum/tests/server"
)

// One Traefik answers at each of these addresses of loopback, at the ports that its pods have.
const (
	declared = "127.0.0.77" // as the declared site has it
	strict   = "127.0.0.78" // TLS 1.3 at least, no line of a balancer believed, and another authority than Dex's
	lax      = "127.0.0.79" // without the rules
	believed = "127.0.0.1"  // whose lines are believed
)

// world is a cluster's API, a Dex, and the two.
type world struct {
	server.Kubernetes
	plan    plan.Plan
	trusted *x509.CertPool
	logs    map[string]string // by address
}

// authority signs certificates for one name each.
type authority struct {
	pem  string
	root *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a := authority{key: newKey(t)}
	now := time.Now()
	a.root = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, a.root, a.root, a.key.Public(), a.key)
	require.NoError(t, err)
	a.pem = block("CERTIFICATE", der)
	return a
}

func (a authority) issue(t *testing.T, host string) (certificate, key string) {
	t.Helper()
	leaf := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: a.root.NotBefore, NotAfter: a.root.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, a.root, leaf.Public(), a.key)
	require.NoError(t, err)
	secret, err := x509.MarshalECPrivateKey(leaf)
	require.NoError(t, err)
	return block("CERTIFICATE", der), block("EC PRIVATE KEY", secret)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

func newWorld(t *testing.T) *world {
	dir, ours, others := t.TempDir(), newAuthority(t), newAuthority(t)
	w := &world{plan: objects.Plan(t, "se-prod"), trusted: x509.NewCertPool(), logs: map[string]string{}}
	require.True(t, w.trusted.AppendCertsFromPEM([]byte(ours.pem)))
	w.Kubernetes = server.StartKubernetes(t, "10.96.0.0/24")
	certificate, key := ours.issue(t, w.plan.Cluster.Login.Host)
	w.declare(t, certificate, key, ours.pem)

	// Dex as it runs in a pod, but for where it listens and what it keeps.
	listen := server.Address(t)
	certificate, key = ours.issue(t, workload.IdentityHost)
	config, err := identity.Config(identity.Input{
		Login: w.plan.Cluster.Login, Lab: true, Users: []identity.User{identity.LabUser()}, Storage: identity.Storage{Type: "memory"},
		Listen: listen, Certificate: write(t, dir, "dex.crt", certificate), Key: write(t, dir, "dex.key", key),
	})
	require.NoError(t, err)
	t.Setenv("DEX_EXPAND_ENV", "false")
	w.Run(t, "dex", server.Program(t, "dex"), "serve", write(t, dir, "dex.yaml", string(config)))

	// Traefik with the rights of its account and no others.
	token := strings.TrimSpace(w.Must(t, "", "create", "token", "traefik", "-n", workload.GatewayNamespace, "--duration=1h"))
	t.Setenv("KUBECONFIG", write(t, dir, "kubeconfig", fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: test,
clusters: [{name: test, cluster: {server: "https://%s", certificate-authority: %q}}],
users: [{name: traefik, user: {token: %s}}], contexts: [{name: test, context: {cluster: test, user: traefik}}]}
`, w.Address, w.Authority(), token)))
	at := func(address, minimum, authority string, without [][2]string, balancers ...string) {
		name := "traefik-" + address
		in := gateway.Input{
			Minimum: minimum, HTTP: address + ":8080", HTTPS: address + ":8443", Inside: address + ":8082", Balancers: balancers,
			Dynamic: filepath.Join(dir, name+"-dynamic.yaml"),
			Login:   &gateway.Upstream{URL: "https://" + listen, Name: workload.IdentityHost, Authority: write(t, dir, name+".pem", authority)},
		}
		static, err := gateway.Static(in)
		require.NoError(t, err)
		dynamic, err := gateway.Dynamic(in)
		require.NoError(t, err)
		texts := []string{string(static), string(dynamic)}
		for _, rule := range without {
			changed := strings.Replace(texts[0], rule[0], rule[1], 1) + strings.Replace(texts[1], rule[0], rule[1], 1)
			require.NotEqual(t, texts[0]+texts[1], changed, "there is no %s", rule[0])
			texts[0], texts[1] = strings.Replace(texts[0], rule[0], rule[1], 1), strings.Replace(texts[1], rule[0], rule[1], 1)
		}
		write(t, dir, filepath.Base(in.Dynamic), texts[1])
		w.logs[address] = w.Run(t, name, server.Program(t, "traefik"), "--configFile="+write(t, dir, name+".yaml", texts[0]))
	}
	at(declared, w.plan.Duties.TLSMinimum, ours.pem, nil, believed+"/32")
	at(strict, "1.3", others.pem, nil)
	at(lax, w.plan.Duties.TLSMinimum, others.pem, rules, believed+"/32")
	t.Cleanup(func() {
		for _, log := range w.logs {
			if text, _ := os.ReadFile(log); t.Failed() {
				t.Logf("%s:\n%s", log, text)
			}
		}
	})
	for _, address := range []string{declared, strict, lax} {
		require.Eventually(t, func() bool {
			conn, err := w.shake(address, w.plan.Cluster.Login.Host, &tls.Config{})
			return err == nil && conn.Close() == nil
		}, time.Minute, 200*time.Millisecond, "Traefik at %s has no certificate for the login", address)
	}
	require.Eventually(t, func() bool {
		answer, err := w.get(declared, w.discovery())
		return err == nil && answer.status == http.StatusOK
	}, time.Minute, 200*time.Millisecond, "Dex does not answer through Traefik at %s", declared)
	return w
}

// declare puts into the API what the component makes of the plan.
func (w *world) declare(t *testing.T, certificate, key, authority string) {
	t.Helper()
	recording := harness.Run(t, func(ctx *pulumi.Context) error {
		providers, err := harness.Providers(ctx, "kubernetes")
		if err != nil {
			return err
		}
		graph, err := stacks.Traffic(&w.plan)
		if err != nil {
			return err
		}
		_, err = gateway.New(ctx, "gateway", &gateway.Args{
			Plan: &w.plan, Authority: pulumi.String(authority), Traffic: graph,
			Certificate: pki.Pair{Certificate: pulumi.String(certificate).ToStringOutput(), Key: pulumi.String(key).ToStringOutput()},
		}, providers)
		return err
	}, harness.Options{})
	var kinds, others []string
	for _, made := range recording.Resources {
		if !strings.HasPrefix(made.Type, "kubernetes:") {
			continue
		}
		metadata := made.Inputs["metadata"].(map[string]any)
		if metadata["name"] == nil { // the name that what refers to it was told
			metadata["name"] = harness.Named(made.Name)
		}
		if made.Inputs["kind"] == "Secret" { // of which a recording does not tell
			made.Inputs["stringData"] = map[string]string{"tls.crt": certificate, "tls.key": key}
		}
		text, err := json.Marshal(made.Inputs)
		require.NoError(t, err)
		switch made.Inputs["kind"] {
		case "Namespace", "CustomResourceDefinition":
			kinds = append(kinds, string(text))
		default:
			others = append(others, string(text))
		}
	}
	for _, text := range kinds {
		w.Must(t, text, "apply", "--server-side", "-f", "-")
	}
	w.Must(t, "", "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
	for _, text := range others {
		w.Must(t, text, "apply", "--server-side", "-f", "-")
	}
}

func (w *world) host() string { return w.plan.Cluster.Login.Host }

func (w *world) discovery() string {
	return w.plan.Cluster.Login.Issuer + "/.well-known/openid-configuration"
}

// shake makes the handshake of TLS with a name.
func (w *world) shake(address, name string, config *tls.Config) (*tls.Conn, error) {
	config.RootCAs, config.ServerName = w.trusted, name
	return tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", address+":8443", config)
}

// answer is what is compared of one.
type answer struct {
	status int
	header http.Header
	body   string
}

// get asks a URL whose host is at the address.
func (w *world) get(address, url string, change ...func(*http.Request)) (answer, error) {
	return w.from("", "", address, url, change...)
}

// from asks from an address, and begins the connection with a line.
func (w *world) from(source, line, address, url string, change ...func(*http.Request)) (answer, error) {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	if source != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(source)}
	}
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return answer{}, err
	}
	port := map[string]string{"http": ":8080", "https": ":8443"}[request.URL.Scheme]
	conn, err := dialer.Dial("tcp", address+port)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return answer{}, err
	}
	if _, err := io.WriteString(conn, line); err != nil {
		return answer{}, err
	}
	if request.URL.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{RootCAs: w.trusted, ServerName: request.URL.Hostname()})
	}
	for _, f := range change {
		f(request)
	}
	request.Close = true
	if err := request.Write(conn); err != nil {
		return answer{}, err
	}
	got, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return answer{}, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	return answer{got.StatusCode, got.Header, string(body)}, err
}
