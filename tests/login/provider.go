package login

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

// Authority signs the certificate of every server of a test.
type Authority struct {
	CA, Certificate, Key string // files in Dir
	Dir                  string
	PEM                  string // its own certificate
	Pool                 *x509.CertPool

	pair tls.Certificate
}

// NewAuthority makes an authority, and a certificate for servers at addresses.
func NewAuthority(t *testing.T, addresses ...net.IP) *Authority {
	t.Helper()
	a := &Authority{Dir: t.TempDir(), Pool: x509.NewCertPool()}
	now := time.Now()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	rootKey := NewKey(t)
	der, err := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	require.NoError(t, err)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "login"}, NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		IPAddresses: addresses, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	leafKey := NewKey(t)
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, leafKey.Public(), rootKey)
	require.NoError(t, err)
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	a.PEM = block("CERTIFICATE", der)
	require.True(t, a.Pool.AppendCertsFromPEM([]byte(a.PEM)))
	keyPEM, certificatePEM := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(leafKey)), block("CERTIFICATE", leafDER)
	a.pair, err = tls.X509KeyPair([]byte(certificatePEM), []byte(keyPEM))
	require.NoError(t, err)
	a.CA, a.Certificate, a.Key = a.Write(t, "ca.crt", a.PEM), a.Write(t, "tls.crt", certificatePEM), a.Write(t, "tls.key", keyPEM)
	return a
}

// Write makes a file in the authority's folder.
func (a *Authority) Write(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(a.Dir, name)
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

// NewKey makes a key to sign tokens with.
func NewKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return key
}

// Person is somebody whom a provider knows. Every password is the same.
type Person struct {
	Email      string
	Groups     []string
	Unverified bool
}

// Password is everybody's.
const Password = "correct horse"

// Secret is that of the one client, whose id does not matter. Dex would read the end of it as the name of a variable.
const Secret = "sec$ret"

// Provider is an OpenID Connect provider with a login form, as an organisation has one; by path it is several.
type Provider struct {
	Server *httptest.Server
	Key    *rsa.PrivateKey // its id is 1
	people map[string]Person
	claim  string // that holds a person's groups

	mu    sync.Mutex
	codes map[string]map[string]any // the claims that a code, or a token to go on with, stands for
}

// NewProvider serves at a listener. groupsClaim is the claim that holds a person's groups; if it is
// another than the usual, that one has groups too, which mean something else.
func NewProvider(t *testing.T, a *Authority, listener net.Listener, groupsClaim string, people ...Person) *Provider {
	t.Helper()
	u := &Provider{Key: NewKey(t), people: map[string]Person{}, claim: groupsClaim, codes: map[string]map[string]any{}}
	for _, p := range people {
		u.people[p.Email] = p
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{name}/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		at := u.Issuer(r.PathValue("name"))
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": at, "authorization_endpoint": at + "/login", "token_endpoint": at + "/token", "jwks_uri": at + "/keys",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /{name}/keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]string{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "e": "AQAB", "n": Encode(u.Key.N.Bytes()),
		}}})
	})
	mux.HandleFunc("GET /{name}/login", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `<form method="post"><input name="login"><input name="password" type="password"></form>`)
	})
	mux.HandleFunc("POST /{name}/login", u.login)
	mux.HandleFunc("POST /{name}/token", u.token)
	u.Server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: mux}}
	u.Server.TLS = &tls.Config{Certificates: []tls.Certificate{a.pair}, MinVersion: tls.VersionTLS12}
	u.Server.StartTLS()
	t.Cleanup(u.Server.Close)
	return u
}

// Issuer is the address of one of the providers that it is.
func (u *Provider) Issuer(name string) string { return u.Server.URL + "/" + name }

func (u *Provider) login(w http.ResponseWriter, r *http.Request) {
	p, known := u.people[r.FormValue("login")]
	if !known || r.FormValue("password") != Password {
		http.Error(w, "wrong password", http.StatusUnauthorized)
		return
	}
	query := r.URL.Query()
	code := rand.Text()
	claims := map[string]any{"iss": u.Issuer(r.PathValue("name")), "aud": query.Get("client_id"), "sub": p.Email, "name": p.Email,
		"email": p.Email, "email_verified": !p.Unverified, "groups": []string{"of another kind"}, "nonce": query.Get("nonce")}
	claims[u.claim] = p.Groups
	u.mu.Lock()
	u.codes[code] = claims
	u.mu.Unlock()
	http.Redirect(w, r, query.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {query.Get("state")}}.Encode(), http.StatusSeeOther)
}

func (u *Provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	secret, _ = url.QueryUnescape(secret) // RFC 6749, 2.3.1
	grant := r.FormValue("code")
	if r.FormValue("grant_type") == "refresh_token" {
		grant = r.FormValue("refresh_token")
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	claims, known := u.codes[grant]
	delete(u.codes, grant) // each is good once
	if !known || id != claims["aud"] || secret != Secret {
		http.Error(w, `{"error": "invalid_grant"}`, http.StatusBadRequest)
		return
	}
	next := rand.Text()
	u.codes[next] = claims
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"access_token": "none", "token_type": "Bearer", "id_token": Sign(u.Key, "1", claims, time.Hour), "refresh_token": next,
	})
}

// Encode is base64 as tokens have it.
func Encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Sign makes a token that is good for a time, which may be over.
func Sign(key *rsa.PrivateKey, id string, claims map[string]any, lasts time.Duration) string {
	all := map[string]any{"iat": time.Now().Add(min(lasts-time.Minute, 0)).Unix(), "exp": time.Now().Add(lasts).Unix()}
	for name, value := range claims {
		all[name] = value
	}
	header, _ := json.Marshal(map[string]string{"alg": "RS256", "kid": id})
	payload, _ := json.Marshal(all)
	text := Encode(header) + "." + Encode(payload)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + Encode(signature)
}

// Parts of a token: its header and its claims.
func Parts(t *testing.T, token string) (header, claims map[string]any) {
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
