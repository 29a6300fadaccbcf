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
	Defaults map[string]string `json:"defaults"`
}

// newAdmission warns of and records pods that Pod Security's restricted level would refuse. It refuses nothing by
// itself: namespaces carry the level that is enforced.
func newAdmission() admissionConfiguration {
	return admissionConfiguration{
		typeMeta: typeMeta{"apiserver.config.k8s.io/v1", "AdmissionConfiguration"},
		Plugins: []admissionPlugin{{
			Name: "PodSecurity",
			Configuration: podSecurityDefaults{
				typeMeta: typeMeta{"pod-security.admission.config.k8s.io/v1", "PodSecurityConfiguration"},
				Defaults: map[string]string{
					"audit": "restricted", "audit-version": "latest",
					"enforce": "privileged", "enforce-version": "latest",
					"warn": "restricted", "warn-version": "latest",
				},
			},
		}, newEventRateLimit()},
	}
}
