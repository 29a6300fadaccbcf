package bootstrap

// admissionConfiguration is the part of apiserver.config.k8s.io/v1 AdmissionConfiguration that Lagrum sets.
type admissionConfiguration struct {
	typeMeta
	Plugins []admissionPlugin `json:"plugins"`
}

type admissionPlugin struct {
	Name          string `json:"name"`
	Configuration any    `json:"configuration"`
}

type podSecurityDefaults struct {
	typeMeta
	Defaults   map[string]string     `json:"defaults"`
	Exemptions podSecurityExemptions `json:"exemptions"`
}

type podSecurityExemptions struct {
	Namespaces []string `json:"namespaces"`
}

// exemption is a namespace in which Pod Security judges nothing.
type exemption struct{ namespace, reason string }

// exempted are those of the file. Every other namespace that needs more says so by a label of its own, which can be seen,
// changed without a new node, and is audited and warned of against restricted.
var exempted = []exemption{{
	namespace: "kube-system",
	reason: "the kubelets of control planes enter their static pods here before anybody could have set a label, and the " +
		"network, the cloud's controllers and the storage driver need the node; a label that somebody takes away would " +
		"keep them from coming back",
}}

// newAdmission refuses pods beyond Pod Security's restricted level, in every namespace that says nothing else by a label. It
// also warns of workloads that would make such pods, and records them.
func newAdmission() admissionConfiguration {
	var namespaces []string
	for _, e := range exempted {
		namespaces = append(namespaces, e.namespace)
	}
	return admissionConfiguration{
		typeMeta: typeMeta{"apiserver.config.k8s.io/v1", "AdmissionConfiguration"},
		Plugins: []admissionPlugin{{
			Name: "PodSecurity",
			Configuration: podSecurityDefaults{
				typeMeta: typeMeta{"pod-security.admission.config.k8s.io/v1", "PodSecurityConfiguration"},
				Defaults: map[string]string{
					"audit": "restricted", "audit-version": "latest",
					"enforce": "restricted", "enforce-version": "latest",
					"warn": "restricted", "warn-version": "latest",
				},
				Exemptions: podSecurityExemptions{Namespaces: namespaces},
			},
		}, newEventRateLimit()},
	}
}
