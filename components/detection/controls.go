package detection

import "github.com/lagrum/lagrum/requirements"

// Controls are what the rules serve. They judge a real API server's log, and nothing runs them in a cluster yet: what each rule
// is for stands with it, and no other capability is claimed.
func Controls() []requirements.Control {
	return []requirements.Control{{
		Capability: requirements.IntrusionDetection, Resources: []string{"node"},
		How: "rules over the audit log of every control plane tell who got into a pod, read a Secret, changed rights or admission, broke the glass or came in " +
			"by a way that there is not; nothing runs them in a cluster yet",
		Proofs: []string{"unit TestEachRuleFires", "unit TestEachRuleIsNeeded", "api TestDetection", "api TestControllersAreQuiet"},
	}}
}
