package plan

// release is what belongs to one version of Kubernetes: what its kubeadm would pull.
type release struct {
	version, etcd, pause, coreDNS string // image tags
}

// releases is the skew table: every version of Kubernetes that can be built, oldest first, with the tags that its
// kubeadm names (cmd/kubeadm/app/constants), CoreDNS excepted, which is newer by choice.
func releases() []release {
	return []release{
		{version: "v1.36.3", etcd: "3.6.5-0", pause: "3.10.2", coreDNS: "v1.15.0"},
	}
}

func releaseOf(version string) (release, bool) {
	for _, r := range releases() {
		if r.version == version {
			return r, true
		}
	}
	return release{}, false
}

// AWSCountry tells in which country a region of AWS stands; known is false for a region outside Europe.
func AWSCountry(region string) (code string, known bool) {
	code, known = awsRegions()[region]
	return code, known
}

// awsRegions tells in which country a region of AWS stands: https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html.
// Regions outside Europe are left out: no profile allows one, and an unknown region is refused.
func awsRegions() map[string]string {
	return map[string]string{
		"eu-central-1":   "de", // Frankfurt
		"eu-central-2":   "ch", // Zurich
		"eu-north-1":     "se", // Stockholm
		"eu-south-1":     "it", // Milan
		"eu-south-2":     "es", // Spain
		"eu-west-1":      "ie", // Ireland
		"eu-west-2":      "gb", // London
		"eu-west-3":      "fr", // Paris
		"eusc-de-east-1": "de", // European Sovereign Cloud, Brandenburg
	}
}
