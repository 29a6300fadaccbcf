package runtime

import "github.com/lagrum/lagrum/requirements"

// Controls are what Falco and its rules serve. No rule has been seen to fire here, since no image of Falco can be had: what is
// shown is that the rules are well formed and that everything around them is taken by a real API server.
func Controls() []requirements.Control {
	watched := []string{"kubernetes:apps/v1:DaemonSet"}
	return []requirements.Control{
		{
			Capability: requirements.IntrusionDetection, Resources: watched,
			How: "every node's kernel is watched by rules of our own: a shell, a write below /etc, a secret file, a call outside, a strange program; " +
				"each exception has an owner, a reason and an end, and a heartbeat says that it works",
			Proofs: []string{"policy TestEveryNodeIsWatched", "unit TestDetectionsPassTheLint", "unit TestExpired", "api TestForbidden"},
		},
		{
			Capability: requirements.MalwareProtection, Resources: watched,
			How:    "a program that was not in its container's image is told as soon as it starts",
			Proofs: []string{"unit TestDetectionsPassTheLint", "policy TestEveryNodeIsWatched"},
		},
		{
			Capability: requirements.PodSecurity, Resources: watched,
			How:    "what watches has four capabilities, no token and no way out over the network, in a namespace of its own",
			Proofs: []string{"unit TestPod", "policy TestEveryEdgeIsOpenAndNothingElse"},
		},
	}
}
