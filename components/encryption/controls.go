package encryption

import "github.com/lagrum/lagrum/requirements"

// Controls are what a change of keys serves.
func Controls() []requirements.Control {
	return []requirements.Control{{
		Capability: requirements.EncryptionAtRest, Resources: []string{"kubernetes:batch/v1:Job"},
		How:    "the key of etcd changes in declared steps; each ends when every control plane has come to it and nothing lies in etcd under another key",
		Proofs: []string{"lab it writes, and everything is written anew", "lab the old key goes", "unit TestOrder", "unit TestScriptRefuses"},
	}}
}
