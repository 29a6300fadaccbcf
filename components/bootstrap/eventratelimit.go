package bootstrap

// eventRateLimits is the part of eventratelimit.admission.k8s.io/v1alpha1 Configuration that Lagrum sets.
type eventRateLimits struct {
	typeMeta
	Limits []eventRateLimit `json:"limits"`
}

// eventRateLimit bounds the events of one bucket: QPS a second in the long run, Burst at once.
type eventRateLimit struct {
	Type      string `json:"type"`
	QPS       int    `json:"qps"`
	Burst     int    `json:"burst"`
	CacheSize int    `json:"cacheSize,omitempty"`
}

// newEventRateLimit keeps events from filling etcd. A namespace and whoever reports have a bucket each, so that one that
// floods takes nothing from the others; the whole is bounded by what one API server stores with ease.
func newEventRateLimit() admissionPlugin {
	return admissionPlugin{
		Name: "EventRateLimit",
		Configuration: eventRateLimits{
			typeMeta: typeMeta{"eventratelimit.admission.k8s.io/v1alpha1", "Configuration"},
			Limits: []eventRateLimit{
				{Type: "Server", QPS: 500, Burst: 5000},
				{Type: "Namespace", QPS: 50, Burst: 1000, CacheSize: 2000},
				{Type: "User", QPS: 50, Burst: 1000, CacheSize: 2000},
			},
		},
	}
}
