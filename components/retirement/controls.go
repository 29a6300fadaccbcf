package retirement

import "github.com/lagrum/lagrum/requirements"

// Controls are what the order in which nodes leave serves.
func Controls() []requirements.Control {
	return []requirements.Control{{
		Capability: requirements.Redundancy, Resources: []string{"kubernetes:batch/v1:Job"},
		How:    "no node leaves before its place is taken, none against a disruption budget, and no member of etcd whose loss would break the quorum",
		Proofs: []string{"lab the initialiser is replaced and nothing is lost", "lab a worker is drained, and then leaves", "unit TestScript"},
	}}
}
