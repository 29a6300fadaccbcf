package gateway

import (
	"fmt"
	"net/url"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apiextensions"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/hardening"
)

const (
	className = "lagrum"
	// gatewayName is that of the one Gateway, loginListener and loginRoute are those of the name under which people log in.
	gatewayName, loginListener, loginRoute = "web", "login", "login"
	redirectRoute                          = "redirect"
)

// routes say in Gateway API who is reached by which name: everybody is redirected to TLS, and the issuer of tokens is Dex.
func (b *builder) routes(kinds []pulumi.Resource) ([]pulumi.Resource, error) {
	class, err := b.object("GatewayClass", className, kinds, map[string]any{"controllerName": "traefik.io/gateway-controller"})
	if err != nil {
		return nil, err
	}
	listeners := []any{listener(hardening.RedirectListener, httpPort, "HTTP", nil)}
	if b.login() != nil {
		secret, err := b.certificate()
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, listener(loginListener, httpsPort, "HTTPS", map[string]any{
			"hostname": b.login().Host,
			"tls": map[string]any{"mode": "Terminate", "certificateRefs": []any{
				map[string]any{"group": "", "kind": "Secret", "name": secret.Metadata.Name().Elem()},
			}},
		}))
	}
	gateway, err := b.object("Gateway", gatewayName, append(kinds[:len(kinds):len(kinds)], class), map[string]any{
		"gatewayClassName": className, "listeners": listeners,
	})
	if err != nil {
		return nil, err
	}
	made := []pulumi.Resource{class, gateway}
	after := append(kinds[:len(kinds):len(kinds)], gateway)
	redirect, err := b.object("HTTPRoute", redirectRoute, after, map[string]any{
		"parentRefs": parent(hardening.RedirectListener),
		"rules": []any{map[string]any{"filters": []any{map[string]any{
			"type": "RequestRedirect", "requestRedirect": map[string]any{"scheme": "https", "statusCode": 301},
		}}}},
	})
	if err != nil {
		return nil, err
	}
	made = append(made, redirect)
	if b.login() == nil {
		return made, nil
	}
	issuer, err := url.Parse(b.login().Issuer)
	if err != nil {
		return nil, fmt.Errorf("login.issuer: %q: %w", b.login().Issuer, err)
	}
	login, err := b.object("HTTPRoute", loginRoute, after, map[string]any{
		"parentRefs": parent(loginListener), "hostnames": []any{b.login().Host},
		"rules": []any{map[string]any{
			"matches": []any{map[string]any{"path": map[string]any{"type": "PathPrefix", "value": "/" + trimmed(issuer.Path)}}},
			// How it is asked stands in Traefik's own file: Gateway API's word for that is not of its standard channel yet.
			"backendRefs": []any{map[string]any{"group": "traefik.io", "kind": "TraefikService", "name": loginService + "@file"}},
		}},
	})
	if err != nil {
		return nil, err
	}
	return append(made, login), nil
}

// trimmed is a path without the slash that it begins with.
func trimmed(path string) string {
	if path == "" {
		return ""
	}
	return path[1:]
}

// listener takes routes of this namespace alone. Its port is the pod's: Traefik finds its entry by it.
func listener(name string, port int, protocol string, more map[string]any) map[string]any {
	made := map[string]any{
		"name": name, "port": port, "protocol": protocol,
		"allowedRoutes": map[string]any{
			"namespaces": map[string]any{"from": "Same"}, "kinds": []any{map[string]any{"group": group, "kind": "HTTPRoute"}},
		},
	}
	for key, value := range more {
		made[key] = value
	}
	return made
}

// parent names one listener of the Gateway.
func parent(listener string) []any {
	return []any{map[string]any{"group": group, "kind": "Gateway", "name": gatewayName, "sectionName": listener}}
}

// object is one of Gateway API's. A class lies in no namespace.
func (b *builder) object(kind, name string, after []pulumi.Resource, spec map[string]any) (*apiextensions.CustomResource, error) {
	metadata := b.Named(name)
	if kind == "GatewayClass" {
		metadata = &metav1.ObjectMetaArgs{Name: pulumi.String(name), Labels: b.Labels()}
	}
	made, err := apiextensions.NewCustomResource(b.Ctx, b.Name+"-"+name, &apiextensions.CustomResourceArgs{
		ApiVersion: pulumi.String(group + "/v1"), Kind: pulumi.String(kind), Metadata: metadata,
		OtherFields: kubernetes.UntypedArgs{"spec": spec},
	}, b.Parent, pulumi.DependsOn(after))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, name, err)
	}
	return made, nil
}

// certificate is that of the name under which people log in. Traefik sees when it is another.
func (b *builder) certificate() (*corev1.Secret, error) {
	made, err := corev1.NewSecret(b.Ctx, b.Name+"-"+loginListener, &corev1.SecretArgs{
		Metadata: b.Unnamed(),
		Type:     pulumi.String("kubernetes.io/tls"), Immutable: pulumi.Bool(true),
		StringData: pulumi.StringMap{"tls.crt": b.args.Certificate.Certificate, "tls.key": b.args.Certificate.Key},
	}, b.Parent)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return made, nil
}
