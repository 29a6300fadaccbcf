//go:build lab

package identity_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// authority signs the certificates of every server of a test, all of which listen on loopback.
type authority struct {
	dir, CA, Certificate, Key string // files
	pool                      *x509.CertPool
	pem                       string
	pair                      tls.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir(), pool: x509.NewCertPool()}
	now := time.Now()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	rootKey := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	require.NoError(t, err)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "login"}, NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	leafKey := newKey(t)
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, leafKey.Public(), rootKey)
	require.NoError(t, err)
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	a.pem = block("CERTIFICATE", der)
	require.True(t, a.pool.AppendCertsFromPEM([]byte(a.pem)))
	keyPEM, certificatePEM := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(leafKey)), block("CERTIFICATE", leafDER)
	a.pair, err = tls.X509KeyPair([]byte(certificatePEM), []byte(keyPEM))
	require.NoError(t, err)
	a.CA, a.Certificate, a.Key = a.write(t, "ca.crt", a.pem), a.write(t, "tls.crt", certificatePEM), a.write(t, "tls.key", keyPEM)
	return a
}

func (a *authority) write(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(a.dir, name)
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return key
}

// person is somebody whom an upstream knows. Every password is the same.
type person struct {
	Email      string
	Groups     []string
	Unverified bool
}

const password = "correct horse"

// upstream is an OpenID Connect provider with a login form, as an organisation has one; by path it is several.
type upstream struct {
	server *httptest.Server
	key    *rsa.PrivateKey
	people map[string]person

	mu    sync.Mutex
	codes map[string]map[string]any // the claims that a code stands for
}

func newUpstream(t *testing.T, a *authority, people ...person) *upstream {
	t.Helper()
	u := &upstream{key: newKey(t), people: map[string]person{}, codes: map[string]map[string]any{}}
	for _, p := range people {
		u.people[p.Email] = p
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{name}/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		at := u.issuer(r.PathValue("name"))
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": at, "authorization_endpoint": at + "/login", "token_endpoint": at + "/token", "jwks_uri": at + "/keys",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /{name}/keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]string{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "e": "AQAB", "n": encode(u.key.N.Bytes()),
		}}})
	})
	mux.HandleFunc("GET /{name}/login", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `<form method="post"><input name="login"><input name="password" type="password"></form>`)
	})
	mux.HandleFunc("POST /{name}/login", u.login)
	mux.HandleFunc("POST /{name}/token", u.token)
	u.server = httptest.NewUnstartedServer(mux)
	u.server.TLS = &tls.Config{Certificates: []tls.Certificate{a.pair}, MinVersion: tls.VersionTLS12}
	u.server.StartTLS()
	t.Cleanup(u.server.Close)
	return u
}

func (u *upstream) issuer(name string) string { return u.server.URL + "/" + name }

func (u *upstream) login(w http.ResponseWriter, r *http.Request) {
	p, known := u.people[r.FormValue("login")]
	if !known || r.FormValue("password") != password {
		http.Error(w, "wrong password", http.StatusUnauthorized)
		return
	}
	query := r.URL.Query()
	code := rand.Text()
	u.mu.Lock()
	u.codes[code] = map[string]any{"iss": u.issuer(r.PathValue("name")), "aud": query.Get("client_id"), "sub": p.Email, "name": p.Email,
		"email": p.Email, "email_verified": !p.Unverified, "groups": p.Groups, "nonce": query.Get("nonce")}
	u.mu.Unlock()
	http.Redirect(w, r, query.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {query.Get("state")}}.Encode(), http.StatusSeeOther)
}

func (u *upstream) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	secret, _ = url.QueryUnescape(secret) // RFC 6749, 2.3.1
	u.mu.Lock()
	claims, known := u.codes[r.FormValue("code")]
	delete(u.codes, r.FormValue("code"))
	u.mu.Unlock()
	if !known || id != claims["aud"] || secret != "sec$ret" {
		http.Error(w, `{"error": "invalid_grant"}`, http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "none", "token_type": "Bearer", "id_token": sign(u.key, "1", claims, time.Hour)})
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// sign makes a token that is good for a time, which may be over.
func sign(key *rsa.PrivateKey, id string, claims map[string]any, lasts time.Duration) string {
	all := map[string]any{"iat": time.Now().Add(min(lasts-time.Minute, 0)).Unix(), "exp": time.Now().Add(lasts).Unix()}
	for name, value := range claims {
		all[name] = value
	}
	header, _ := json.Marshal(map[string]string{"alg": "RS256", "kid": id})
	payload, _ := json.Marshal(all)
	text := encode(header) + "." + encode(payload)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + encode(signature)
}

// parts of a token: its header and its claims.
func parts(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	fields := strings.Split(token, ".")
	require.Len(t, fields, 3)
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(fields[i])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, into))
	}
	return header, claims
}
