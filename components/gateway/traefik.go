package gateway

// These are the parts of Traefik's two configuration files that Lagrum sets.

type static struct {
	EntryPoints map[string]entryPoint `json:"entryPoints"`
	Providers   providers             `json:"providers"`
	Ping        inside                `json:"ping"`
	Metrics     metrics               `json:"metrics"`
	Log         logging               `json:"log"`
	AccessLog   accessLog             `json:"accessLog"`
	// Global is false throughout: no question for new versions, no report of use.
	Global global `json:"global"`
}

type global struct {
	CheckNewVersion    bool `json:"checkNewVersion"`
	SendAnonymousUsage bool `json:"sendAnonymousUsage"`
}

type entryPoint struct {
	Address       string           `json:"address"`
	HTTP          *entryHTTPConfig `json:"http,omitempty"`
	ProxyProtocol *proxyProtocol   `json:"proxyProtocol,omitempty"`
	Transport     *transport       `json:"transport,omitempty"`
}

type entryHTTPConfig struct {
	Middlewares []string  `json:"middlewares,omitempty"`
	TLS         *entryTLS `json:"tls,omitempty"`
}

type entryTLS struct{}

type proxyProtocol struct {
	TrustedIPs []string `json:"trustedIPs"`
}

type transport struct {
	LifeCycle lifeCycle `json:"lifeCycle"`
}

type lifeCycle struct {
	RequestAcceptGraceTimeout string `json:"requestAcceptGraceTimeout"`
	GraceTimeOut              string `json:"graceTimeOut"`
}

type providers struct {
	KubernetesGateway kubernetesGateway `json:"kubernetesGateway"`
	File              file              `json:"file"`
}

type kubernetesGateway struct {
	Namespaces []string `json:"namespaces"`
}

type file struct {
	Filename string `json:"filename"`
	Watch    bool   `json:"watch"` // what changes makes new pods
}

type inside struct {
	EntryPoint string `json:"entryPoint"`
}

type metrics struct {
	Prometheus inside `json:"prometheus"`
}

type logging struct {
	Level  string `json:"level"`
	Format string `json:"format"`
}

type accessLog struct {
	Format string       `json:"format"`
	Fields accessFields `json:"fields"`
}

type accessFields struct {
	DefaultMode string            `json:"defaultMode"`
	Names       map[string]string `json:"names"`
	Headers     accessHeaders     `json:"headers"`
}

type accessHeaders struct {
	DefaultMode string `json:"defaultMode"`
}

type dynamic struct {
	TLS  dynamicTLS  `json:"tls"`
	HTTP dynamicHTTP `json:"http"`
}

type dynamicTLS struct {
	Options map[string]tlsOptions `json:"options"`
}

type tlsOptions struct {
	MinVersion   string   `json:"minVersion"`
	CipherSuites []string `json:"cipherSuites"`
	SNIStrict    bool     `json:"sniStrict"`
}

type dynamicHTTP struct {
	Middlewares       map[string]middleware       `json:"middlewares"`
	Services          map[string]service          `json:"services,omitempty"`
	ServersTransports map[string]serversTransport `json:"serversTransports,omitempty"`
}

type middleware struct {
	Headers headers `json:"headers"`
}

type headers struct {
	STSSeconds int `json:"stsSeconds"`
}

type service struct {
	LoadBalancer loadBalancer `json:"loadBalancer"`
}

type loadBalancer struct {
	Servers          []server `json:"servers"`
	ServersTransport string   `json:"serversTransport"`
}

type server struct {
	URL string `json:"url"`
}

type serversTransport struct {
	ServerName string   `json:"serverName"`
	RootCAs    []string `json:"rootCAs"`
}
