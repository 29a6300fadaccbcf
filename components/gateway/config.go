package gateway

import (
	"errors"
	"fmt"
	"strconv"

	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/components/identity"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Input is everything that decides Traefik's configuration.
type Input struct {
	// Minimum is the oldest version of TLS: 1.2 or 1.3.
	Minimum string
	// HTTP and HTTPS are the addresses that the gateway's two ports lead to, Inside is where the node asks how it is.
	HTTP, HTTPS, Inside string
	// Balancers are believed when they say who the client is, by a line before the first byte (PROXY protocol). Without any,
	// nobody is.
	Balancers []string
	// Dynamic is the file of Dynamic.
	Dynamic string
	// Login is where Dex answers; nil where nobody logs in.
	Login *Upstream
}

// Upstream is who answers behind the gateway, over TLS.
type Upstream struct {
	URL string
	// Name that its certificate bears, and the file with what signed that.
	Name, Authority string
}

const (
	// entryHTTP and the others are Traefik's names of what it listens at.
	entryHTTP, entryHTTPS, entryInside = "http", "https", "inside"
	// loginService is Dex, in the file and in the route to it.
	loginService = "login"
	// strictTransport is for how long a browser speaks only TLS with a name that it has seen, in seconds: a year.
	strictTransport = 365 * 24 * 60 * 60
	// accepting is for how long a pod that is to end still takes connections, in seconds: load balancers look every five
	// seconds, three times. ending is how long what was begun may then take.
	accepting, ending = 15, 10
)

// input is the plan's gateway, as it runs in a pod.
func input(p *plan.Plan) Input {
	at := func(port int) string { return "0.0.0.0:" + strconv.Itoa(port) }
	in := Input{
		Minimum: p.Duties.TLSMinimum, HTTP: at(httpPort), HTTPS: at(httpsPort), Inside: at(insidePort),
		Dynamic: folder + "/" + dynamicFile,
	}
	if p.Gateway.ProxyProtocol {
		in.Balancers = p.Gateway.Balancers
	}
	if p.Cluster.Login != nil {
		in.Login = &Upstream{URL: "https://" + workload.IdentityHost + ":" + strconv.Itoa(identity.ServicePort),
			Name: workload.IdentityHost, Authority: folder + "/" + authorityFile}
	}
	return in
}

// Static renders what Traefik reads once: where it listens, and whom it asks for routes. What is not in it is off: the
// dashboard, its own access to the Internet, every other source of routes.
func Static(in Input) ([]byte, error) {
	door := func(address string) entryPoint {
		e := entryPoint{Address: address, Transport: &transport{LifeCycle: lifeCycle{
			RequestAcceptGraceTimeout: seconds(accepting), GraceTimeOut: seconds(ending),
		}}}
		if len(in.Balancers) > 0 {
			e.ProxyProtocol = &proxyProtocol{TrustedIPs: in.Balancers}
		}
		return e
	}
	https := door(in.HTTPS)
	// Also keeps listeners without TLS away from this port.
	https.HTTP = &entryHTTPConfig{TLS: &entryTLS{}, Middlewares: []string{"transport-security@file"}}
	text, err := yaml.Marshal(static{
		EntryPoints: map[string]entryPoint{entryHTTP: door(in.HTTP), entryHTTPS: https, entryInside: {Address: in.Inside}},
		Providers: providers{
			KubernetesGateway: kubernetesGateway{Namespaces: []string{workload.GatewayNamespace}},
			File:              file{Filename: in.Dynamic},
		},
		Ping:    inside{EntryPoint: entryInside},
		Metrics: metrics{Prometheus: inside{EntryPoint: entryInside}},
		Log:     logging{Level: "INFO", Format: "json"},
		// Who asked whom, when, how it was answered. Not what for: a path may name a patient, and a query hold what a login is
		// worth.
		AccessLog: accessLog{Format: "json", Fields: accessFields{DefaultMode: "drop", Names: kept(
			"ClientHost", "ClientPort", "DownstreamContentSize", "DownstreamStatus", "Duration", "OriginStatus", "RequestHost", "RequestMethod",
			"RequestProtocol", "RouterName", "StartUTC", "TLSCipher", "TLSVersion", "entryPointName",
		), Headers: accessHeaders{DefaultMode: "drop"}}},
	})
	if err != nil {
		return nil, fmt.Errorf("static configuration of Traefik: %w", err)
	}
	return text, nil
}

// Dynamic renders what Gateway API has no words for: how TLS is spoken, what browsers are told, and how Dex is asked.
func Dynamic(in Input) ([]byte, error) {
	versions := map[string]string{"1.2": "VersionTLS12", "1.3": "VersionTLS13"}
	if versions[in.Minimum] == "" {
		return nil, fmt.Errorf("dynamic configuration of Traefik: tlsMinimum: %q: want 1.2 or 1.3", in.Minimum)
	}
	made := dynamic{
		// The name default has it hold for every listener, also for one that somebody adds. A client that names nobody who is
		// served here gets no handshake.
		TLS: dynamicTLS{Options: map[string]tlsOptions{"default": {
			MinVersion: versions[in.Minimum], CipherSuites: bootstrap.Suites(), SNIStrict: true,
		}}},
		HTTP: dynamicHTTP{Middlewares: map[string]middleware{"transport-security": {Headers: headers{STSSeconds: strictTransport}}}},
	}
	if l := in.Login; l != nil {
		if l.Name == "" || l.Authority == "" {
			return nil, errors.New("dynamic configuration of Traefik: login: a name and an authority are needed, or it would believe anybody")
		}
		made.HTTP.Services = map[string]service{loginService: {LoadBalancer: loadBalancer{
			Servers: []server{{l.URL}}, ServersTransport: loginService,
		}}}
		made.HTTP.ServersTransports = map[string]serversTransport{loginService: {ServerName: l.Name, RootCAs: []string{l.Authority}}}
	}
	text, err := yaml.Marshal(made)
	if err != nil {
		return nil, fmt.Errorf("dynamic configuration of Traefik: %w", err)
	}
	return text, nil
}

func seconds(n int) string { return strconv.Itoa(n) + "s" }

func kept(names ...string) map[string]string {
	all := map[string]string{}
	for _, name := range names {
		all[name] = "keep"
	}
	return all
}
