package identity

import (
	"fmt"
	"slices"
	"strings"

	apiextensionsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apiextensions/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/workload"
)

const group = "dex.coreos.com"

// resource is what Dex keeps one kind of thing as. Its plurals are what Dex thinks that Kubernetes makes of them.
type resource struct {
	plural, singular, kind string
	verbs                  []string
}

// The verbs of three sorts of things: logins come and go, the keys that tokens are signed with are changed and never taken
// away, and of what its configuration says or turns off Dex looks whether there is more. With more rights on the last it could
// make itself a user, or a provider that vouches for anybody.
var (
	login  = []string{"create", "delete", "get", "list", "update"}
	key    = []string{"create", "get", "list", "update"}
	looked = []string{"get", "list"}
)

// resources are all that Dex asks the API for, sorted.
func resources() []resource {
	return []resource{
		{"authcodes", "authcode", "AuthCode", login},
		{"authrequests", "authrequest", "AuthRequest", login},
		{"connectors", "connector", "Connector", looked},
		{"devicerequests", "devicerequest", "DeviceRequest", looked},
		{"devicetokens", "devicetoken", "DeviceToken", looked},
		{"oauth2clients", "oauth2client", "OAuth2Client", looked},
		{"offlinesessionses", "offlinesessions", "OfflineSessions", login},
		{"passwords", "password", "Password", looked},
		{"refreshtokens", "refreshtoken", "RefreshToken", login},
		{"signingkeies", "signingkey", "SigningKey", key},
	}
}

// Kinds are the plurals of all that Dex keeps in Kubernetes, sorted.
func Kinds() []string {
	var all []string
	for _, r := range resources() {
		all = append(all, r.plural)
	}
	return all
}

// access gives Dex its identity, the kinds of things that it keeps, and rights on those alone, in its own namespace. It would
// make the kinds itself, for which it would need rights on those of others.
func (b *builder) access() ([]pulumi.Resource, error) {
	account, err := b.Account()
	if err != nil {
		return nil, err
	}
	needs := []pulumi.Resource{account}
	for _, r := range resources() {
		made, err := b.define(r)
		if err != nil {
			return nil, err
		}
		needs = append(needs, made)
	}
	local, err := b.Local(rules()...)
	if err != nil {
		return nil, err
	}
	return append(needs, local...), nil
}

// rules are one row for each set of verbs.
func rules() []workload.Rule {
	var rows []workload.Rule
	for _, r := range resources() {
		i := slices.IndexFunc(rows, func(row workload.Rule) bool { return slices.Equal(row.Verbs, r.verbs) })
		if i < 0 {
			rows = append(rows, workload.Rule{Group: group, Verbs: r.verbs})
			i = len(rows) - 1
		}
		rows[i].Resources = append(rows[i].Resources, r.plural)
	}
	return rows
}

// define tells the API of a kind, whose fields are Dex's own to know.
func (b *builder) define(r resource) (*apiextensionsv1.CustomResourceDefinition, error) {
	made, err := apiextensionsv1.NewCustomResourceDefinition(b.Ctx, b.Name+"-"+r.plural, &apiextensionsv1.CustomResourceDefinitionArgs{
		Metadata: &metav1.ObjectMetaArgs{Name: pulumi.String(r.plural + "." + group), Labels: b.Labels()},
		Spec: &apiextensionsv1.CustomResourceDefinitionSpecArgs{
			Group: pulumi.String(group), Scope: pulumi.String("Namespaced"),
			Names: &apiextensionsv1.CustomResourceDefinitionNamesArgs{
				Plural: pulumi.String(r.plural), Singular: pulumi.String(r.singular), Kind: pulumi.String(r.kind),
				ListKind: pulumi.String(r.kind + "List"),
			},
			Versions: apiextensionsv1.CustomResourceDefinitionVersionArray{apiextensionsv1.CustomResourceDefinitionVersionArgs{
				Name: pulumi.String("v1"), Served: pulumi.Bool(true), Storage: pulumi.Bool(true),
				Schema: &apiextensionsv1.CustomResourceValidationArgs{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaPropsArgs{
					Type: pulumi.String("object"), X_kubernetes_preserve_unknown_fields: pulumi.Bool(true),
				}},
			}},
		},
	}, b.Parent)
	if err != nil {
		return nil, fmt.Errorf("definition of %s: %w", strings.ToLower(r.kind), err)
	}
	return made, nil
}
