package openstack

import (
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack/identity"
	"github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack/keymanager"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/providers"
)

type nodeSecrets struct {
	pulumi.ResourceState
}

// NodeSecrets puts each bundle into Barbican, and gives each node an application credential that may do one thing, read
// that one secret, and ends with the window of joining. OpenStack has no identity of an instance by which a secret store
// could know it, so the credential stands in the node's user-data; docs/security.md says what remains.
func (c *Cloud) NodeSecrets(
	ctx *pulumi.Context, name string, args *providers.NodeSecretsArgs, opts ...pulumi.ResourceOption,
) (map[string]providers.NodeSecret, error) {
	p := args.Plan
	laid := map[string]providers.NodeSecret{}
	err := construct.Component(ctx, "lagrum:openstack:NodeSecrets", name, &nodeSecrets{}, pulumi.Map{}, c.options(opts),
		func(parent pulumi.ResourceOption) (pulumi.Map, error) {
			ends := p.Cluster.Join.NotAfter.UTC().Format(time.RFC3339)
			for _, node := range args.Pool.Nodes {
				child := p.Name + "-" + node.Name
				// A node boots once: a bundle or a credential that has ended since is no reason to make it anew. Its name says
				// whose it is; metadata would be a second request, which Barbican has answered with an error when several came at
				// once.
				secret, err := keymanager.NewSecretV1(ctx, child+"-bundle", &keymanager.SecretV1Args{
					Name: physical(p, node.Name), SecretType: pulumi.String("opaque"),
					Payload: pulumi.ToSecret(args.Bundles[node.Name]).(pulumi.StringOutput), PayloadContentType: pulumi.String("text/plain"),
				}, parent, pulumi.IgnoreChanges([]string{"payload"}), pulumi.AdditionalSecretOutputs([]string{"payload"}))
				if err != nil {
					return nil, fmt.Errorf("node %s: secret: %w", node.Name, err)
				}
				credential, err := identity.NewApplicationCredential(ctx, child+"-bundle", &identity.ApplicationCredentialArgs{
					Name: physical(p, node.Name+"-bundle"), Description: pulumi.String("the one boot of " + node.Name), ExpiresAt: pulumi.String(ends),
					AccessRules: identity.ApplicationCredentialAccessRuleArray{identity.ApplicationCredentialAccessRuleArgs{
						Service: pulumi.String("key-manager"), Method: pulumi.String("GET"), Path: secret.SecretRef.ApplyT(payloadPath).(pulumi.StringOutput),
					}},
				}, parent, pulumi.IgnoreChanges([]string{"expiresAt"}), pulumi.AdditionalSecretOutputs([]string{"secret"}))
				if err != nil {
					return nil, fmt.Errorf("node %s: credential: %w", node.Name, err)
				}
				fetch := pulumi.All(secret.SecretRef, credential.ID(), credential.Secret).ApplyT(func(all []any) string {
					return fetch(c.facts.AuthURL, all[0].(string), string(all[1].(pulumi.ID)), all[2].(string))
				})
				laid[node.Name] = providers.NodeSecret{Fetch: pulumi.ToSecret(fetch).(pulumi.StringOutput)}
			}
			return pulumi.Map{}, nil
		})
	if err != nil {
		return nil, err
	}
	return laid, nil
}

// payloadPath is the path of a secret's payload in Barbican's API, from the secret's own address.
func payloadPath(ref string) (string, error) {
	u, err := url.Parse(ref)
	id := path.Base(ref)
	if err != nil || id == "." || id == "/" || !strings.Contains(u.Path, "/secrets/") {
		return "", fmt.Errorf("address of a secret: %q: want .../v1/secrets/ID", ref)
	}
	return "/v1/secrets/" + id + "/payload", nil
}

// fetch logs in with the node's credential and reads its bundle. The credential goes through a file descriptor, so that
// no list of processes shows it.
func fetch(authURL, ref, id, secret string) string {
	return fmt.Sprintf(`login='{"auth":{"identity":{"methods":["application_credential"],"application_credential":{"id":"%s","secret":"%s"}}}}'
token=$(printf '%%s' "$login" | curl --silent --show-error --fail --max-time 30 --output /dev/null --dump-header - \
  --header 'Content-Type: application/json' --data-binary @- '%s/auth/tokens' | tr -d '\r' | sed -n 's/^[Xx]-[Ss]ubject-[Tt]oken: //p')
[ -n "$token" ] || { echo "error: Keystone gave no token" >&2; exit 1; }
printf 'header = "X-Auth-Token: %%s"\n' "$token" | curl --silent --show-error --fail --max-time 30 --config - \
  --header 'Accept: text/plain' '%s/payload' | base64 -d`, id, secret, strings.TrimSuffix(authURL, "/"), ref)
}
