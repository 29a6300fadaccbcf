//go:build lab

package identity_test

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"html"
	"io"
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

// scopes are those of the kubeconfig.
const scopes = "openid email groups offline_access federated:id"

// logIn goes the way of kubelogin and a browser: Dex's list of connectors, a login form, redirects, and the code for a token.
func logIn(t *testing.T, a *authority, issuer, connector, email, asked string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar, Timeout: 20 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.pool, MinVersion: tls.VersionTLS12}},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if strings.HasPrefix(r.URL.String(), callback) || len(via) > 10 {
				return http.ErrUseLastResponse
			}
			return nil
		}}
	defer browser.CloseIdleConnections()
	verifier, state := rand.Text()+rand.Text(), rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	page, at := read(t, browser, issuer+"/auth?"+url.Values{
		"client_id": {bootstrap.Audience}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {asked}, "state": {state},
		"nonce": {rand.Text()}, "code_challenge": {encode(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode())
	link := regexp.MustCompile(`href="([^"]*/auth/` + connector + `[^"]*)"`).FindStringSubmatch(page)
	require.Len(t, link, 2, "no connector %s on %s:\n%s", connector, at, page)
	next, err := at.Parse(html.UnescapeString(link[1]))
	require.NoError(t, err)
	page, at = read(t, browser, next.String())
	require.Contains(t, page, "<form", "no form on %s", at)
	if action := regexp.MustCompile(`<form[^>]*action="([^"]+)"`).FindStringSubmatch(page); action != nil {
		at, err = at.Parse(html.UnescapeString(action[1]))
		require.NoError(t, err)
	}
	answer, err := browser.PostForm(at.String(), url.Values{"login": {email}, "password": {password}})
	require.NoError(t, err)
	body, _ := io.ReadAll(answer.Body)
	require.NoError(t, answer.Body.Close())
	back, err := answer.Location()
	require.NoError(t, err, "%s\n%s", answer.Status, body)
	require.True(t, strings.HasPrefix(back.String(), callback), "%s", back)
	require.Equal(t, state, back.Query().Get("state"))
	answer, err = browser.PostForm(issuer+"/token", url.Values{"grant_type": {"authorization_code"}, "client_id": {bootstrap.Audience},
		"code": {back.Query().Get("code")}, "redirect_uri": {callback}, "code_verifier": {verifier}})
	require.NoError(t, err)
	body, _ = io.ReadAll(answer.Body)
	require.NoError(t, answer.Body.Close())
	var given struct {
		ID string `json:"id_token"`
	}
	require.NoError(t, json.Unmarshal(body, &given), "%s", body)
	require.NotEmpty(t, given.ID, "%s", body)
	return given.ID
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
