// Package segmentation finds the namespaces of a running cluster that no NetworkPolicy closes.
//
// What the program declares is closed before anything runs in it; a namespace that somebody makes beside it is not, and no
// admission policy can close one. So whoever wants to know asks the cluster.
package segmentation

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Open names the namespaces that have no policy which selects every pod, rules both ways and allows nothing, sorted. It reads
// what kubectl get namespaces -o json and kubectl get networkpolicies -A -o json print.
func Open(namespaces, policies []byte) ([]string, error) {
	var all struct {
		Items []struct{ Metadata struct{ Name string } }
	}
	if err := json.Unmarshal(namespaces, &all); err != nil {
		return nil, fmt.Errorf("namespaces: %w", err)
	}
	if len(all.Items) == 0 {
		return nil, fmt.Errorf("namespaces: there are none, and no cluster is without: %.200s", namespaces)
	}
	var found struct {
		Items []struct {
			Metadata struct{ Namespace string }
			Spec     struct {
				PodSelector struct {
					MatchLabels      map[string]string
					MatchExpressions []any
				}
				PolicyTypes     []string
				Ingress, Egress []any
			}
		}
	}
	if err := json.Unmarshal(policies, &found); err != nil {
		return nil, fmt.Errorf("network policies: %w", err)
	}
	closed := map[string]bool{}
	for _, p := range found.Items {
		every := len(p.Spec.PodSelector.MatchLabels)+len(p.Spec.PodSelector.MatchExpressions) == 0
		both := slices.Contains(p.Spec.PolicyTypes, "Ingress") && slices.Contains(p.Spec.PolicyTypes, "Egress")
		if every && both && len(p.Spec.Ingress)+len(p.Spec.Egress) == 0 {
			closed[p.Metadata.Namespace] = true
		}
	}
	var open []string
	for _, n := range all.Items {
		if !closed[n.Metadata.Name] {
			open = append(open, n.Metadata.Name)
		}
	}
	slices.Sort(open)
	return open, nil
}
