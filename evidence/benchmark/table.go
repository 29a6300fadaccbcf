package benchmark

import (
	"fmt"
	"strings"
	"time"
)

// Who answers for a waiver.
const (
	operator = "cluster operator"
	officer  = "security officer"
)

// The last days of waivers. What is only not built yet ends soon; what lies in how kubeadm or the benchmark works is looked
// at anew after a year.
var (
	soon  = time.Date(2027, time.February, 28, 0, 0, 0, 0, time.UTC)
	later = time.Date(2027, time.November, 30, 0, 0, 0, 0, time.UTC)
)

// Table is what answers for the checks that do not pass in a cluster as Lagrum makes it. Entries are in the order of the
// benchmark.
func Table() []Entry {
	proved := func(id, proof string) Entry { return Entry{ID: id, Status: Warn, Proof: proof} }
	waived := func(status Status, id, owner string, until time.Time, reason string) Entry {
		return Entry{ID: id, Status: status, Owner: owner, Reason: reason, Expires: until}
	}
	return []Entry{
		waived(Warn, "1.1.9", operator, later, "the check stats the folders of CNI too, which need the bit to be entered: the files are 600, the folders 750 or 755"),
		proved("1.2.1", "lab joining leaves no anonymous door"),
		waived(Warn, "1.2.11", officer, later, "images are pinned and come from the cluster's own registry; asking for each of them at every start makes every start depend on the registry"),
		waived(Warn, "1.2.20", operator, later, "the default of one minute holds"),
		waived(Warn, "3.1.1", officer, soon, "persons log in through the identity provider; the one certificate left is the stack's own administrator, which lives for a bounded time"),
		waived(Warn, "3.1.2", officer, soon, "persons log in through the identity provider; the tokens of service accounts are the pods' own"),
		proved("3.1.3", "lab joining leaves no anonymous door"),
		proved("3.2.2", "lab TestAuditRules"),
		waived(Warn, "4.1.3", operator, later, "no such file: kube-proxy is a pod with an account of its own"),
		waived(Warn, "4.1.4", operator, later, "no such file: kube-proxy is a pod with an account of its own"),
		proved("4.2.9", "lab a kubelet that nobody vouches for is not spoken to"),
		waived(Warn, "4.2.15", officer, later, "a setting of the kubelet's unit, not of the kubelet: who reaches a node's ports is decided by the cloud's firewall and the node network"),
		proved("5.1.1", "policy TestNoRoleIsAWildcard"),
		proved("5.1.3", "policy TestNoRoleIsAWildcard"),
		proved("5.1.5", "api TestForbidden"),
		proved("5.1.6", "api TestForbidden"),
		proved("5.1.7", "lab no certificate on a node is of system:masters"),
		proved("5.1.8", "lab each persona has its rights and no other"),
		proved("5.1.9", "lab each persona has its rights and no other"),
		proved("5.1.10", "lab each persona has its rights and no other"),
		proved("5.1.11", "lab each persona has its rights and no other"),
		proved("5.1.12", "lab each persona has its rights and no other"),
		proved("5.1.13", "lab each persona has its rights and no other"),
		proved("5.2.1", "api TestPodSecurityIsTheDefault"),
		proved("5.2.2", "api TestPodSecurityIsTheDefault"),
		proved("5.2.5", "api TestForbidden"),
		proved("5.2.6", "api TestPodSecurityIsTheDefault"),
		proved("5.2.7", "api TestPodSecurityIsTheDefault"),
		proved("5.2.8", "api TestPodSecurityIsTheDefault"),
		proved("5.2.9", "api TestPodSecurityIsTheDefault"),
		proved("5.2.10", "api TestPodSecurityIsTheDefault"),
		waived(Warn, "5.2.11", officer, later, "there are no Windows nodes"),
		proved("5.2.12", "api TestForbidden"),
		proved("5.2.13", "api TestForbidden"),
		proved("5.3.1", "lab a NetworkPolicy that denies is seen to deny"),
		proved("5.3.2", "lab no namespace is open but those that the tests made"),
		waived(Warn, "5.4.1", officer, soon, "a matter of each workload"),
		waived(Warn, "5.4.2", officer, soon, "Secrets are encrypted in etcd; whether a workload needs a store outside is decided with it"),
		proved("5.5.1", "api TestForbidden"),
		proved("5.6.1", "api TestTenantNamespace"),
		proved("5.6.2", "api TestPodSecurityIsTheDefault"),
		proved("5.6.3", "api TestPodSecurityIsTheDefault"),
		waived(Warn, "5.6.4", officer, later, "nothing of the platform runs in it, and its network is closed; that nobody else uses it is no rule yet"),
	}
}

// Markdown prints a table for people.
func Markdown(table []Entry) string {
	var out strings.Builder
	out.WriteString("| id | answers | by | owner | until |\n|---|---|---|---|---|\n")
	for _, e := range table {
		if e.waiver() {
			fmt.Fprintf(&out, "| %s | %s | waived: %s | %s | %s |\n", e.ID, e.Status, e.Reason, e.Owner, e.Expires.Format(time.DateOnly))
			continue
		}
		fmt.Fprintf(&out, "| %s | %s | test: %s | | |\n", e.ID, e.Status, e.Proof)
	}
	return out.String()
}
