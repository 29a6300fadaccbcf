// Package reach reads NetworkPolicies as Kubernetes does, and tells what they let through. It shares no code with what writes
// them. A field or a label that it does not know is an error: it never guesses.
package reach

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
)

// End is one end of a connection: a pod, or where Namespace is empty, an address outside.
type End struct {
	Namespace string
	Labels    map[string]string
	Address   netip.Addr
}

// Pod is an end that is a pod, with an address of the pod network.
func Pod(namespace string, labels map[string]string) End {
	return End{Namespace: namespace, Labels: labels, Address: netip.MustParseAddr("10.244.1.7")}
}

// Outside is an end that is no pod.
func Outside(address string) End { return End{Address: netip.MustParseAddr(address)} }

// Policies of a cluster.
type Policies []policy

type policy struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		PodSelector selector `json:"podSelector"`
		PolicyTypes []string `json:"policyTypes"`
		Ingress     []rule   `json:"ingress"`
		Egress      []rule   `json:"egress"`
	} `json:"spec"`
}

type selector struct {
	MatchLabels map[string]string `json:"matchLabels"`
}

type rule struct {
	From  []peer `json:"from"`
	To    []peer `json:"to"`
	Ports []struct {
		Protocol string `json:"protocol"`
		Port     int    `json:"port"`
	} `json:"ports"`
}

type peer struct {
	NamespaceSelector *selector `json:"namespaceSelector"`
	PodSelector       *selector `json:"podSelector"`
	IPBlock           *struct {
		CIDR   string   `json:"cidr"`
		Except []string `json:"except"`
	} `json:"ipBlock"`
}

// Parse reads objects of the kind NetworkPolicy.
func Parse(objects ...map[string]any) (Policies, error) {
	var all Policies
	for _, object := range objects {
		encoded, err := json.Marshal(object)
		if err != nil {
			return nil, err
		}
		var p policy
		d := json.NewDecoder(bytes.NewReader(encoded))
		d.DisallowUnknownFields()
		if err := d.Decode(&p); err != nil {
			return nil, fmt.Errorf("%s: %w", encoded, err)
		}
		if p.Kind != "NetworkPolicy" || p.Metadata.Namespace == "" || len(p.Spec.PolicyTypes) == 0 {
			return nil, fmt.Errorf("%s: no NetworkPolicy that says where it is and what it rules", encoded)
		}
		all = append(all, p)
	}
	return all, nil
}

// Without are the same policies, less one.
func (all Policies) Without(namespace, name string) Policies {
	return slices.DeleteFunc(slices.Clone(all), func(p policy) bool { return p.Metadata.Namespace == namespace && p.Metadata.Name == name })
}

// Closed tells whether a namespace has a policy that denies every pod everything, both ways.
func (all Policies) Closed(namespace string) bool {
	return slices.ContainsFunc(all, func(p policy) bool {
		return p.Metadata.Namespace == namespace && len(p.Spec.PodSelector.MatchLabels) == 0 && len(p.Spec.Ingress)+len(p.Spec.Egress) == 0 &&
			slices.Contains(p.Spec.PolicyTypes, "Ingress") && slices.Contains(p.Spec.PolicyTypes, "Egress")
	})
}

// Pass tells whether a connection can be opened: the one who asks may go out, and the one who answers lets in.
func (all Policies) Pass(from, to End, protocol string, port int) bool {
	return all.allow("Egress", from, to, protocol, port) && all.allow("Ingress", to, from, protocol, port)
}

// allow looks at one end. A pod that no policy of the direction selects is open; so is what is no pod.
func (all Policies) allow(direction string, subject, other End, protocol string, port int) bool {
	ruled := false
	for _, p := range all {
		if subject.Namespace == "" || p.Metadata.Namespace != subject.Namespace || !p.Spec.PodSelector.has(subject.Labels) ||
			!slices.Contains(p.Spec.PolicyTypes, direction) {
			continue
		}
		ruled = true
		rules := p.Spec.Ingress
		if direction == "Egress" {
			rules = p.Spec.Egress
		}
		for _, r := range rules {
			if r.opens(p.Metadata.Namespace, other, protocol, port) {
				return true
			}
		}
	}
	return !ruled
}

func (r rule) opens(namespace string, other End, protocol string, port int) bool {
	peers := append(slices.Clone(r.From), r.To...)
	if len(peers) > 0 && !slices.ContainsFunc(peers, func(p peer) bool { return p.has(namespace, other) }) {
		return false
	}
	if len(r.Ports) == 0 {
		return true
	}
	for _, p := range r.Ports {
		if p.Protocol == protocol && (p.Port == 0 || p.Port == port) {
			return true
		}
	}
	return false
}

func (p peer) has(namespace string, e End) bool {
	if p.IPBlock != nil {
		in := func(cidr string) bool { return netip.MustParsePrefix(cidr).Contains(e.Address) }
		return in(p.IPBlock.CIDR) && !slices.ContainsFunc(p.IPBlock.Except, in)
	}
	if e.Namespace == "" {
		return false
	}
	if p.NamespaceSelector == nil && e.Namespace != namespace {
		return false
	}
	if p.NamespaceSelector != nil && !p.NamespaceSelector.has(map[string]string{"kubernetes.io/metadata.name": e.Namespace}) {
		return false
	}
	return p.PodSelector == nil || p.PodSelector.has(e.Labels)
}

func (s selector) has(labels map[string]string) bool {
	for key, value := range s.MatchLabels {
		if labels[key] != value {
			return false
		}
	}
	return true
}
