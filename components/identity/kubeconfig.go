package identity

import (
	"encoding/base64"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/components/bootstrap"
)

// scopes that kubelogin asks for. With federated:id Dex names the connector, without which no API server takes the token.
var scopes = []string{"email", "groups", "offline_access", "federated:id"}

// Kubeconfig renders the kubeconfig of everybody who logs in. It holds no credential: kubectl asks kubelogin (kubectl oidc-login),
// which opens the browser. server is the API's address, authority the cluster's, loginAuthority Dex's (PEM).
func Kubeconfig(cluster, server, authority, issuer, loginAuthority string) ([]byte, error) {
	args := []string{"oidc-login", "get-token", "--oidc-issuer-url=" + issuer, "--oidc-client-id=" + bootstrap.Audience,
		"--oidc-extra-scope=" + strings.Join(scopes, ","), "--listen-address=" + strings.TrimPrefix(callback, "http://"), "--oidc-pkce-method=S256",
		"--certificate-authority-data=" + base64.StdEncoding.EncodeToString([]byte(loginAuthority))}
	return yaml.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": cluster,
		"clusters": []any{map[string]any{"name": cluster, "cluster": map[string]any{
			"server": server, "certificate-authority-data": base64.StdEncoding.EncodeToString([]byte(authority)),
		}}},
		"contexts": []any{map[string]any{"name": cluster, "context": map[string]any{"cluster": cluster, "user": "person"}}},
		"users": []any{map[string]any{"name": "person", "user": map[string]any{"exec": map[string]any{
			"apiVersion": "client.authentication.k8s.io/v1", "command": "kubectl", "args": args, "interactiveMode": "IfAvailable",
			"installHint": "install kubelogin: kubectl krew install oidc-login",
		}}}},
	})
}
