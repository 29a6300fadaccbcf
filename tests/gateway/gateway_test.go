//go:build lab

package gateway_test

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/bootstrap"
)

func TestGateway(t *testing.T) {
	w := newWorld(t)
	t.Run("who comes without TLS is redirected", w.redirects)
	t.Run("Dex answers through it, and browsers are to stay with TLS", w.dexAnswers)
	t.Run("no old version, and no weak suite", w.modernTLS)
	t.Run("the country's oldest version holds", w.oldestVersion)
	t.Run("an unknown name gets nothing", w.unknownNames)
	t.Run("neither dashboard nor metrics are outside", w.nothingOfItsOwn)
	t.Run("who is not Dex is not asked", w.onlyDexIsBelieved)
	t.Run("a balancer is believed, and nobody else", w.whoTheClientIs)
	t.Run("the access log holds no path and no header", w.accessLog)
	t.Run("routes say that they were taken up", w.conditions)
	t.Run("a route of another namespace is none", w.foreignRoute)
	t.Run("it may do what it does and nothing else", w.rights)
	t.Run("without the rules", w.withoutRules)
	t.Logf("Traefik holds %d MiB after it", w.Memory(t, "traefik-"+declared)>>20)
}

func (w *world) redirects(t *testing.T) {
	for _, url := range []string{"http://" + w.host() + "/dex/auth?a=b", "http://unknown.example.org/"} {
		got, err := w.get(declared, url)
		require.NoError(t, err)
		assert.Equal(t, http.StatusMovedPermanently, got.status, url)
		assert.Equal(t, strings.Replace(url, "http://", "https://", 1), got.header.Get("Location"))
		assert.Empty(t, got.header.Get("Strict-Transport-Security"), "a browser must not believe it here")
	}
}

func (w *world) dexAnswers(t *testing.T) {
	got, err := w.get(declared, w.discovery())
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, got.status, got.body)
	var document struct{ Issuer string }
	require.NoError(t, json.Unmarshal([]byte(got.body), &document))
	assert.Equal(t, w.plan.Cluster.Login.Issuer, document.Issuer)
	assert.Equal(t, "max-age=31536000", got.header.Get("Strict-Transport-Security"))
}

// suite finds one by its name, among those that nobody should use too.
func suite(t *testing.T, name string) uint16 {
	t.Helper()
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if s.Name == name {
			return s.ID
		}
	}
	t.Fatalf("no suite %s", name)
	return 0
}

func (w *world) modernTLS(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		_, err := w.shake(declared, w.host(), &tls.Config{MinVersion: version, MaxVersion: version})
		require.ErrorContains(t, err, "protocol version not supported", tls.VersionName(version))
	}
	conn, err := w.shake(declared, w.host(), &tls.Config{MinVersion: tls.VersionTLS13})
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	taken := 0
	for _, name := range bootstrap.Suites() {
		if !strings.Contains(name, "ECDSA") {
			continue // of another kind of key
		}
		conn, err := w.shake(declared, w.host(), &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite(t, name)}})
		require.NoError(t, err, name)
		assert.Equal(t, suite(t, name), conn.ConnectionState().CipherSuite)
		require.NoError(t, conn.Close())
		taken++
	}
	require.Equal(t, 2, taken)
	for _, name := range []string{
		"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
		"TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
	} {
		_, err := w.shake(declared, w.host(), &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite(t, name)}})
		require.ErrorContains(t, err, "handshake failure", name)
	}
}

// oldestVersion: where the plan says 1.3, 1.2 is as old as 1.1.
func (w *world) oldestVersion(t *testing.T) {
	require.Equal(t, "1.2", w.plan.Duties.TLSMinimum)
	old := &tls.Config{MaxVersion: tls.VersionTLS12}
	conn, err := w.shake(declared, w.host(), old.Clone())
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	_, err = w.shake(strict, w.host(), old.Clone())
	require.ErrorContains(t, err, "protocol version not supported")
}

func (w *world) unknownNames(t *testing.T) {
	for _, name := range []string{"unknown.example.org", "login.example.org.evil.example"} {
		_, err := w.shake(declared, name, &tls.Config{InsecureSkipVerify: true})
		require.Error(t, err, "%s: got a handshake", name)
		require.NotContains(t, err.Error(), "refused", "Traefik does not run")
	}
	conn, err := tls.Dial("tcp", declared+":8443", &tls.Config{InsecureSkipVerify: true})
	if err == nil {
		_ = conn.Close()
	}
	require.Error(t, err, "who names nobody got a handshake")
	// A name in the handshake that is known opens no route of another.
	got, err := w.get(declared, w.discovery(), func(r *http.Request) { r.Host = "unknown.example.org" })
	require.NoError(t, err)
	assert.Contains(t, []int{http.StatusNotFound, http.StatusMisdirectedRequest}, got.status, got.body)
	// Dex is asked for what lies below the issuer alone.
	for _, path := range []string{"/", "/dexter", "/healthz"} {
		got, err = w.get(declared, "https://"+w.host()+path)
		require.NoError(t, err)
		assert.Equal(t, http.StatusNotFound, got.status, path)
	}
}

func (w *world) nothingOfItsOwn(t *testing.T) {
	for _, path := range []string{"/dashboard/", "/api/rawdata", "/api/version", "/ping", "/metrics", "/debug/pprof/"} {
		got, err := w.get(declared, "https://"+w.host()+path)
		require.NoError(t, err)
		assert.Equal(t, http.StatusNotFound, got.status, path)
		got, err = w.get(declared, "http://"+w.host()+path)
		require.NoError(t, err)
		assert.Equal(t, http.StatusMovedPermanently, got.status, path)
	}
	// Inside it says how it is, and nothing more.
	for path, want := range map[string]int{
		"/ping": http.StatusOK, "/metrics": http.StatusOK, "/api/rawdata": http.StatusNotFound, "/dashboard/": http.StatusNotFound,
	} {
		got, err := http.Get("http://" + declared + ":8082" + path)
		require.NoError(t, err)
		require.NoError(t, got.Body.Close())
		assert.Equal(t, want, got.StatusCode, path)
	}
}

// onlyDexIsBelieved: under another authority Dex might be anybody.
func (w *world) onlyDexIsBelieved(t *testing.T) {
	got, err := w.get(strict, w.discovery())
	require.NoError(t, err)
	assert.Equal(t, http.StatusInternalServerError, got.status, got.body)
	assert.NotContains(t, got.body, "issuer")
}

// seen waits until the access log has a line with a text.
func (w *world) seen(t *testing.T, address, text string) string {
	t.Helper()
	var line string
	require.Eventually(t, func() bool {
		log, err := os.ReadFile(w.logs[address])
		require.NoError(t, err)
		for _, each := range strings.Split(string(log), "\n") {
			if strings.Contains(each, text) {
				line = each
				return true
			}
		}
		return false
	}, 10*time.Second, 100*time.Millisecond, "no line of the access log has %s", text)
	return line
}

func (w *world) whoTheClientIs(t *testing.T) {
	line := func(client string) string { return "PROXY TCP4 " + client + " " + declared + " 40000 443\r\n" }
	got, err := w.from(believed, line("192.0.2.7"), declared, w.discovery())
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, got.status)
	w.seen(t, declared, `"ClientHost":"192.0.2.7"`)

	got, err = w.from("127.0.0.9", line("192.0.2.66"), declared, w.discovery())
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, got.status)
	w.seen(t, declared, `"ClientHost":"127.0.0.9"`)
	// A header is no line.
	got, err = w.from("127.0.0.10", "", declared, w.discovery(), func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.66") })
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, got.status)
	w.seen(t, declared, `"ClientHost":"127.0.0.10"`)
	log, err := os.ReadFile(w.logs[declared])
	require.NoError(t, err)
	assert.NotContains(t, string(log), "192.0.2.66")

	_, err = w.from(believed, line("192.0.2.7"), strict, w.discovery())
	require.Error(t, err, "no balancer is believed there, and the line is no handshake")
}

func (w *world) accessLog(t *testing.T) {
	got, err := w.from("127.0.0.11", "", declared, w.discovery()+"?code=sentinel-query", func(r *http.Request) { r.Header.Set("Authorization", "sentinel-header") })
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, got.status)
	line := w.seen(t, declared, `"ClientHost":"127.0.0.11"`)
	for _, want := range []string{`"RequestHost":"` + w.host() + `"`, `"DownstreamStatus":200`, `"TLSVersion":"1.3"`, `"RequestMethod":"GET"`} {
		assert.Contains(t, line, want)
	}
	log, err := os.ReadFile(w.logs[declared])
	require.NoError(t, err)
	for _, never := range []string{"sentinel", "openid-configuration"} {
		assert.NotContains(t, string(log), never)
	}
}

func (w *world) conditions(t *testing.T) {
	for object, path := range map[string]string{
		"gatewayclass/lagrum": `{.status.conditions[?(@.type=="Accepted")].status}`,
		"gateway/web":         `{.status.conditions[?(@.type=="Programmed")].status}`,
		"httproute/login":     `{.status.parents[0].conditions[?(@.type=="Accepted")].status}`,
		"httproute/redirect":  `{.status.parents[0].conditions[?(@.type=="ResolvedRefs")].status}`,
	} {
		require.Eventually(t, func() bool {
			out, err := w.Kubectl(t, "", "get", "-n", "lagrum-gateway", object, "-o", "jsonpath="+path)
			return err == nil && out == "True"
		}, 30*time.Second, 500*time.Millisecond, object)
	}
}

const route = `{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "made", "namespace": "NAMESPACE"}, "spec": {
  "parentRefs": [{"name": "web", "namespace": "lagrum-gateway", "sectionName": "login"}], "hostnames": ["login.example.org"],
  "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/made-in-NAMESPACE"}}],
    "filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "hostname": "evil.example.org"}}]}]}}`

// foreignRoute makes the same route in two namespaces: the one where it holds shows when the other should have.
func (w *world) foreignRoute(t *testing.T) {
	for _, namespace := range []string{"default", "lagrum-gateway"} {
		w.Must(t, strings.ReplaceAll(route, "NAMESPACE", namespace), "create", "-f", "-")
	}
	require.Eventually(t, func() bool {
		got, err := w.get(declared, "https://"+w.host()+"/made-in-lagrum-gateway")
		return err == nil && got.status == http.StatusFound
	}, 30*time.Second, 200*time.Millisecond, "a route of its own namespace is not taken up")
	got, err := w.get(declared, "https://"+w.host()+"/made-in-default")
	require.NoError(t, err)
	assert.Equal(t, http.StatusNotFound, got.status)
}

// rights asks the API server itself.
func (w *world) rights(t *testing.T) {
	for ask, want := range map[string]string{
		"list secrets -n lagrum-gateway":                                              "yes",
		"watch httproutes.gateway.networking.k8s.io -n lagrum-gateway":                "yes",
		"update gatewayclasses.gateway.networking.k8s.io/lagrum --subresource=status": "yes",
		"update gatewayclasses.gateway.networking.k8s.io/other --subresource=status":  "no",
		"get secrets -n lagrum-gateway":                                               "no",
		"list secrets -n lagrum-identity":                                             "no",
		"list secrets -n kube-system":                                                 "no",
		"list secrets --all-namespaces":                                               "no",
		"list configmaps -n lagrum-gateway":                                           "no",
		"update httproutes.gateway.networking.k8s.io -n lagrum-gateway":               "no",
		"create gateways.gateway.networking.k8s.io -n lagrum-gateway":                 "no",
		"list httproutes.gateway.networking.k8s.io -n default":                        "no",
		"list pods -n lagrum-gateway":                                                 "no",
		"create serviceaccounts --subresource=token -n lagrum-gateway":                "no",
	} {
		args := append([]string{"auth", "can-i", "--as=system:serviceaccount:lagrum-gateway:traefik"}, strings.Fields(ask)...)
		out, _ := w.Kubectl(t, "", args...) // no is an exit code of its own
		lines := strings.Split(strings.TrimSpace(out), "\n")
		assert.Equal(t, want, lines[len(lines)-1], ask)
	}
}

// rules are taken out of the configuration of one Traefik.
var rules = [][2]string{
	{"sniStrict: true", "sniStrict: false"},
	{"minVersion: VersionTLS12", "minVersion: VersionTLS10"},
	{"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"},
	{"serverName:", "insecureSkipVerify: true\n      serverName:"},
	{"stsSeconds: 31536000", "stsSeconds: 0\n        contentTypeNosniff: true"},
	{believed + "/32\n    transport:", "127.0.0.0/8\n    transport:"}, // of the port without TLS
	{"defaultMode: drop\n    headers", "defaultMode: keep\n    headers"},
}

// withoutRules sees what they refused taken: nothing else refuses it.
func (w *world) withoutRules(t *testing.T) {
	for name, config := range map[string]*tls.Config{
		"TLS 1.1":      {MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11},
		"a weak suite": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}},
	} {
		conn, err := w.shake(lax, w.host(), config)
		require.NoError(t, err, name)
		require.NoError(t, conn.Close())
	}
	conn, err := w.shake(lax, "unknown.example.org", &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err, "an unknown name")
	require.NoError(t, conn.Close())
	got, err := w.get(lax, w.discovery()+"?code=sentinel-query")
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, got.status, "a Dex that another authority vouches for")
	assert.Empty(t, got.header.Get("Strict-Transport-Security"))
	w.seen(t, lax, "sentinel-query")
	got, err = w.from("127.0.0.9", "PROXY TCP4 192.0.2.66 "+lax+" 40000 80\r\n", lax, "http://"+w.host()+"/")
	require.NoError(t, err)
	assert.Equal(t, http.StatusMovedPermanently, got.status)
	w.seen(t, lax, `"ClientHost":"192.0.2.66"`)
}
