package bootstrap

import "strings"

// The flags below follow the CIS Kubernetes Benchmark v1.11. What kubeadm sets by itself is not said again; kube-bench
// in the lab sees that it holds.

// Suites are those of TLS 1.2 that encrypt with AES-GCM under a key agreed upon by ECDHE. Those of TLS 1.3 cannot be
// chosen, in Go, and are all modern.
func Suites() []string {
	return []string{
		"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
		"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
		"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	}
}

const tlsMinVersion = "VersionTLS12"

// servingArgs are those of every program of Kubernetes' own that answers over TLS.
func servingArgs() []arg {
	return []arg{
		{"profiling", "false"},
		{"tls-cipher-suites", strings.Join(Suites(), ",")},
		{"tls-min-version", tlsMinVersion},
	}
}

func apiServerArgs() []arg {
	return append([]arg{
		{"admission-control-config-file", admissionPath},
		// Days, files and MiB: 1.2.17 to 1.2.19.
		{"audit-log-maxage", "30"},
		{"audit-log-maxbackup", "10"},
		{"audit-log-maxsize", "100"},
		{"audit-log-path", auditLogDir + "/audit.log"},
		{"audit-policy-file", auditPolicyPath},
		{"authentication-config", authenticationPath},
		// Besides those that are on by default. An external address of a Service takes over traffic that is not its own.
		{"enable-admission-plugins", "NodeRestriction,EventRateLimit,DenyServiceExternalIPs"},
		{"encryption-provider-config", encryptionPath},
		// Kubelets serve with certificates of this authority: see components/nodecertificates.
		{"kubelet-certificate-authority", "/etc/kubernetes/pki/ca.crt"},
		// A token of a pod ends when its pod asked it to, not a year later.
		{"service-account-extend-token-expiration", "false"},
		{"service-account-lookup", "true"},
	}, servingArgs()...)
}

func controllerManagerArgs() []arg {
	// Ended pods that are kept; Kubernetes' own default is 12500.
	return append([]arg{{"terminated-pod-gc-threshold", "1000"}}, servingArgs()...)
}

func schedulerArgs() []arg { return servingArgs() }

func etcdArgs() []arg {
	return []arg{
		{"cipher-suites", strings.Join(Suites(), ",")},
		{"tls-min-version", "TLS1.2"},
	}
}

func newKubelet(c Cluster) kubeletConfiguration {
	return kubeletConfiguration{
		typeMeta: typeMeta{"kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"},
		// The first three are kubeadm's defaults too, said here because a node must not depend on them.
		Authentication: kubeletAuthentication{
			Anonymous: enabled{false},
			Webhook:   enabled{true},
			X509:      kubeletX509{"/etc/kubernetes/pki/ca.crt"},
		},
		Authorization:                   kubeletAuthorization{"Webhook"},
		ClusterDNS:                      []string{c.DNSAddress},
		ClusterDomain:                   c.Domain,
		EventRecordQPS:                  50,
		MakeIPTablesUtilChain:           true,
		PodPidsLimit:                    4096,
		ReadOnlyPort:                    0,
		RotateCertificates:              true,
		SeccompDefault:                  true,
		ServerTLSBootstrap:              true,
		ShutdownGracePeriod:             "30s",
		ShutdownGracePeriodCriticalPods: "10s",
		StreamingConnectionIdleTimeout:  "30m0s",
		TLSCipherSuites:                 Suites(),
		TLSMinVersion:                   tlsMinVersion,
	}
}
