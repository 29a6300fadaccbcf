// Package login logs people in to a Dex as their browsers and kubelogin would, and stands in for an organisation's identity
// provider. It is for tests.
package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/components/bootstrap"
)

const callback = "http://localhost:8000"

// Scopes are those of the kubeconfig.
const Scopes = "openid email groups offline_access federated:id"

// Browser is a person at a machine of their own.
type Browser struct {
	// Trusted are the authorities whose certificates it takes.
	Trusted *x509.CertPool
	// Addresses are of names that only it resolves, with port, by the name with port. Others are resolved as usual.
	Addresses map[string]string
}

func (b Browser) client(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &http.Client{Jar: jar, Timeout: 20 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: b.Trusted, MinVersion: tls.VersionTLS12},
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if at, known := b.Addresses[address]; known {
					address = at
				}
				return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, address)
			},
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if strings.HasPrefix(r.URL.String(), callback) || len(via) > 10 {
				return http.ErrUseLastResponse
			}
			return nil
		}}
}

// Tokens are what a login gives.
type Tokens struct {
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
}

// LogIn goes the way of kubelogin and a browser: Dex's list of connectors, a login form, redirects, and the code for tokens.
func (b Browser) LogIn(t *testing.T, issuer, connector, email, password, scopes string) Tokens {
	t.Helper()
	browser := b.client(t)
	defer browser.CloseIdleConnections()
	verifier, state := rand.Text()+rand.Text(), rand.Text()
	answer, body := submit(t, browser, issuer, connector, email, password, scopes, verifier, state)
	back, err := answer.Location()
	require.NoError(t, err, "%s\n%s", answer.Status, body)
	require.True(t, strings.HasPrefix(back.String(), callback), "%s", back)
	require.Equal(t, state, back.Query().Get("state"))
	return token(t, browser, issuer, url.Values{"grant_type": {"authorization_code"}, "client_id": {bootstrap.Audience},
		"code": {back.Query().Get("code")}, "redirect_uri": {callback}, "code_verifier": {verifier}})
}

// Refused tries to log in by a form of Dex's own, and sees that it asks again.
func (b Browser) Refused(t *testing.T, issuer, connector, name, password string) {
	t.Helper()
	browser := b.client(t)
	defer browser.CloseIdleConnections()
	answer, body := submit(t, browser, issuer, connector, name, password, Scopes, rand.Text()+rand.Text(), rand.Text())
	require.Empty(t, answer.Header.Get("Location"), "%s was let in", name)
	require.Contains(t, body, "<form", "%s: %s", name, answer.Status)
	require.Contains(t, body, "Invalid", "%s: %s", name, answer.Status)
}

// submit fills in the form that a connector leads to. Where it is right, the answer leads back to who asked.
func submit(t *testing.T, browser *http.Client, issuer, connector, email, password, scopes, verifier, state string) (*http.Response, string) {
	t.Helper()
	challenge := sha256.Sum256([]byte(verifier))
	page, at := read(t, browser, issuer+"/auth?"+url.Values{
		"client_id": {bootstrap.Audience}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {scopes}, "state": {state},
		"nonce": {rand.Text()}, "code_challenge": {Encode(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode())
	// Of a list Dex wants one to be chosen; with one connector it shows that at once.
	if link := regexp.MustCompile(`href="([^"]*/auth/` + connector + `[^"]*)"`).FindStringSubmatch(page); link != nil {
		next, err := at.Parse(html.UnescapeString(link[1]))
		require.NoError(t, err)
		page, at = read(t, browser, next.String())
	}
	require.Contains(t, at.String(), connector, "no connector %s: %s\n%s", connector, at, page)
	require.Contains(t, page, "<form", "no form on %s", at)
	if action := regexp.MustCompile(`<form[^>]*action="([^"]+)"`).FindStringSubmatch(page); action != nil {
		next, err := at.Parse(html.UnescapeString(action[1]))
		require.NoError(t, err)
		at = next
	}
	answer, err := browser.PostForm(at.String(), url.Values{"login": {email}, "password": {password}})
	require.NoError(t, err)
	body, _ := io.ReadAll(answer.Body)
	require.NoError(t, answer.Body.Close())
	return answer, string(body)
}

// Refresh asks for new tokens by an old login, as kubelogin does without asking anybody.
func (b Browser) Refresh(t *testing.T, issuer, refresh string) Tokens {
	t.Helper()
	browser := b.client(t)
	defer browser.CloseIdleConnections()
	return token(t, browser, issuer, url.Values{"grant_type": {"refresh_token"}, "client_id": {bootstrap.Audience}, "refresh_token": {refresh}})
}

func token(t *testing.T, browser *http.Client, issuer string, asked url.Values) (given Tokens) {
	t.Helper()
	answer, err := browser.PostForm(issuer+"/token", asked)
	require.NoError(t, err)
	body, _ := io.ReadAll(answer.Body)
	require.NoError(t, answer.Body.Close())
	require.NoError(t, json.Unmarshal(body, &given), "%s", body)
	require.NotEmpty(t, given.ID, "%s", body)
	return given
}

func read(t *testing.T, browser *http.Client, address string) (string, *url.URL) {
	t.Helper()
	answer, err := browser.Get(address)
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode, fmt.Sprintf("%s\n%s", address, body))
	return string(body), answer.Request.URL
}
