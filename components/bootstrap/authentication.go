package bootstrap

// authenticationConfiguration is the part of apiserver.config.k8s.io/v1 AuthenticationConfiguration that Lagrum sets.
type authenticationConfiguration struct {
	typeMeta
	Anonymous anonymous `json:"anonymous"`
}

type anonymous struct {
	Conditions []anonymousCondition `json:"conditions"`
	Enabled    bool                 `json:"enabled"`
}

type anonymousCondition struct {
	Path string `json:"path"`
}

// newAuthentication lets anonymous requests reach the health endpoints and nothing else (CIS v1.9, 1.2.1): the load
// balancer and the kubelet's probes have no credential. The paths are matched whole.
func newAuthentication() authenticationConfiguration {
	return authenticationConfiguration{
		typeMeta: typeMeta{"apiserver.config.k8s.io/v1", "AuthenticationConfiguration"},
		Anonymous: anonymous{
			Enabled:    true,
			Conditions: []anonymousCondition{{"/healthz"}, {"/livez"}, {"/readyz"}},
		},
	}
}
