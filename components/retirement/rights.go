package retirement

import (
	"slices"

	"github.com/lagrum/lagrum/components/workload"
)

const role = "lagrum:control-plane-retirement"

// rules are what kubectl needs for its four verbs, and on nodes only on those that the plan names.
func rules(todo []task) []workload.Rule {
	var leaving, coming []string
	for _, t := range todo {
		leaving, coming = append(leaving, t.leaving...), append(coming, t.coming...)
	}
	slices.Sort(leaving)
	slices.Sort(coming)
	rule := func(group, resource string, names []string, verbs ...string) workload.Rule {
		return workload.Rule{Group: group, Resources: []string{resource}, Verbs: verbs, Names: names}
	}
	made := []workload.Rule{rule("", "nodes", leaving, "get", "patch", "delete")} // cordon, and the end
	if len(coming) > 0 {                                                          // a rule without names would be one for all nodes
		made = append(made, rule("", "nodes", coming, "get", "list", "watch")) // waiting for Ready
	}
	return append(made,
		rule("", "pods", nil, "get", "list"),
		rule("", "pods/eviction", nil, "create"), // within every disruption budget; there is no right to delete
		rule("apps", "daemonsets", nil, "get"),
	)
}
