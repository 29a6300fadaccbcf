//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/bootstrap"
)

const loginHost = "login.lab.lagrum"

// modernTLSOnly asks the gateway what it should answer and what it should refuse, from outside. tests/gateway tries more.
func (p *people) modernTLSOnly(t *testing.T) {
	address := p.browser.Addresses[loginHost+":443"]
	shake := func(name string, config *tls.Config) error {
		config.RootCAs, config.ServerName = p.browser.Trusted, name
		conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", address, config)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		require.NoError(t, shake(loginHost, &tls.Config{MinVersion: version, MaxVersion: version}))
	}
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		require.ErrorContains(t, shake(loginHost, &tls.Config{MinVersion: version, MaxVersion: version}), "protocol version not supported")
	}
	modern, old := bootstrap.Suites(), 0
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		// The suite is of TLS 1.3, which has no choice, or one that is meant; the one with ChaCha20 is neither meant nor weak.
		if suite.SupportedVersions[0] == tls.VersionTLS13 || strings.Contains(strings.Join(modern, " "), suite.Name) || strings.Contains(suite.Name, "CHACHA20") {
			continue
		}
		require.ErrorContains(t, shake(loginHost, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}}), "handshake failure", suite.Name)
		old++
	}
	require.Greater(t, old, 10)
	require.Error(t, shake("unknown.lab.lagrum", &tls.Config{InsecureSkipVerify: true}), "an unknown name got a handshake")

	client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: p.browser.Trusted},
			DialContext: func(ctx context.Context, network, asked string) (net.Conn, error) {
				if at, known := p.browser.Addresses[asked]; known {
					asked = at
				}
				return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, asked)
			},
		}}
	get := func(url string) *http.Response {
		answer, err := client.Get(url)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer
	}
	found := get(issuer + "/.well-known/openid-configuration")
	assert.Equal(t, http.StatusOK, found.StatusCode)
	assert.Equal(t, "max-age=31536000", found.Header.Get("Strict-Transport-Security"))
	for _, path := range []string{"/", "/dashboard/", "/api/rawdata", "/metrics", "/ping"} {
		assert.Equal(t, http.StatusNotFound, get("https://"+loginHost+path).StatusCode, path)
	}
	// On the lab's gateway the other port is the test's own: the worker is asked.
	worker := p.kubectl(t, "get", "node", "workers-1-g1", "-o", `jsonpath={.status.addresses[?(@.type=="InternalIP")].address}`)
	redirect := get("http://" + worker + ":30080/dex/auth?a=b")
	assert.Equal(t, http.StatusMovedPermanently, redirect.StatusCode)
	assert.Equal(t, "https://"+worker+"/dex/auth?a=b", redirect.Header.Get("Location"))

	// What it says of itself its own node hears, and no pod.
	pod := p.kubectl(t, "-n", "lagrum-gateway", "get", "pods", "-l", "app.kubernetes.io/name=traefik", "-o", "jsonpath={.items[0].status.podIP}")
	out, err := p.inside(t, "workers-1-g1", "curl -sf --max-time 5 http://"+pod+":8082/metrics | grep -m 1 traefik_")
	require.NoError(t, err, out)
	for _, port := range []string{"8082/metrics", "8080/"} {
		require.Error(t, p.probe(t, "get", "http://"+pod+":"+port), "a pod reaches Traefik at %s", port)
	}
}
