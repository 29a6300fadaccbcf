package runtime

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lagrum/lagrum/components/traffic"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Names of rules that others look for.
const (
	Heartbeat      = "Heartbeat"
	CommandEntered = "Command run in a container from outside"
	WrittenEtc     = "Written below /etc in a container"
	SecretRead     = "Secret file read in a container"
	CalledOut      = "Connection to an undeclared address"
)

// Detections are the rules for a plan, whose traffic graph says who has business outside the cluster.
//
// They are few and of our own, and upstream's are not loaded: each is here because something that we hold an attacker back from
// would look so, and each exception has an owner and an end.
func Detections(p *plan.Plan, graph *traffic.Graph) Set {
	set := Set{Lists: lists(p), Macros: macros(graph), Rules: rules()}
	excused := exceptions(p)
	for i := range set.Rules {
		set.Rules[i].Exceptions = excused[set.Rules[i].Name]
	}
	return set
}

func lists(p *plan.Plan) []List {
	return []List{
		// Only the first 15 bytes of a process's name are kept by the kernel.
		{"shells", []string{"ash", "bash", "csh", "dash", "fish", "ksh", "sh", "tcsh", "zsh"}},
		{"package_managers", []string{"apk", "apt", "apt-get", "dnf", "dpkg", "gem", "microdnf", "npm", "pip", "pip3", "rpm", "yum", "zypper"}},
		// What a container's processes descend from: a runtime starts its first one, and each that somebody sends in.
		{"runtimes", []string{"containerd-shim", "crun", "runc", "runc:[0:PARENT]", "runc:[1:CHILD]", "runc:[2:INIT]"}},
		{"shadow_files", []string{"/etc/gshadow", "/etc/shadow", "/etc/sudoers"}},
		{"cluster_networks", []string{p.Cluster.PodCIDR, p.Cluster.ServiceCIDR, p.Network.NodeCIDR, "127.0.0.0/8", "::1/128"}},
		{"attaching", []string{"PTRACE_ATTACH", "PTRACE_POKEDATA", "PTRACE_POKETEXT", "PTRACE_SEIZE", "PTRACE_SETREGS"}},
	}
}

func macros(graph *traffic.Graph) []Macro {
	return []Macro{
		{"in_container", `container.id != "host"`},
		{"on_node", `container.id = "host"`},
		{"process_started", `evt.type in ("execve", "execveat")`},
		{"opened_to_write", `evt.type in ("open", "openat", "openat2", "creat") and evt.is_open_write = true and fd.typechar = "f" and fd.num >= 0`},
		{"opened_to_read", `evt.type in ("open", "openat", "openat2") and evt.is_open_read = true and fd.typechar = "f" and fd.num >= 0`},
		// A file that is written elsewhere and then moved is opened nowhere below /etc.
		{"moved_to_etc", `evt.type in ("rename", "renameat", "renameat2", "link", "linkat") and fs.path.target startswith "/etc/"`},
		{"entered", `proc.vpid != 1 and proc.pname in (runtimes)`},
		{"account_token", `(fd.name startswith "/var/run/secrets/kubernetes.io/serviceaccount/" or fd.name startswith "/run/secrets/kubernetes.io/serviceaccount/")`},
		{"cluster_keys", `(fd.name startswith "/etc/kubernetes/pki/" or fd.name startswith "/var/lib/kubelet/pki/" or fd.name startswith "/etc/lagrum/etcd/" or ` +
			`fd.name startswith "/etc/kubernetes/lagrum/" or (fd.name startswith "/etc/kubernetes/" and fd.name endswith ".conf"))`},
		// The first part of a connection, whatever comes of it: that a policy stops it makes it no better.
		{"calls", `(evt.type = "connect" or (evt.type in ("sendto", "sendmsg") and fd.l4proto != "tcp" and fd.connected = false and fd.name_changed = true)) and ` +
			`fd.typechar in ("4", "6")`},
		{"has_business_outside", outside(graph)},
		{"beat", fmt.Sprintf(`k8s.ns.name = %q and proc.cmdline = %q`, workload.RuntimeNamespace, strings.Join(beat, " "))},
	}
}

// beat is the command of the heartbeat as a process's own line has it, without the folder.
var beat = []string{"falco", "--version"}

// outside is who has an edge of the traffic graph to addresses that are none of the cluster's. Pods are known by their
// namespace and how their names begin: both are given by Kubernetes, and only the platform makes pods in its namespaces.
func outside(graph *traffic.Graph) string {
	var who []string
	for _, e := range graph.Edges {
		from, _ := graph.Party(e.From)
		to, _ := graph.Party(e.To)
		if from.Namespace == "" || len(to.Networks) == 0 || e.To == traffic.APIServer || e.To == traffic.EveryPod {
			continue
		}
		one := fmt.Sprintf(`(k8s.ns.name = %q and k8s.pod.name startswith %q)`, from.Namespace, from.Name+"-")
		if !slices.Contains(who, one) {
			who = append(who, one)
		}
	}
	if len(who) == 0 {
		return `k8s.ns.name = ""` // nobody
	}
	return "(" + strings.Join(who, " or ") + ")"
}

func rules() []Rule {
	const seen = requirements.IntrusionDetection
	rule := func(name, desc string, capability requirements.Capability, priority Priority, condition string, more ...string) Rule {
		return Rule{Name: name, Desc: desc, Capability: capability, Priority: priority, Condition: condition, Output: says(name, more...)}
	}
	return []Rule{
		rule(Heartbeat, "The kubelet did something in Falco's own container, as it does once a minute, and Falco saw it and could tell. "+
			"No alert: that the line is missing is one.", seen, Informational, "process_started and in_container and beat"),
		rule(CommandEntered, "Somebody had a command run in a container that was there already. Nobody's work needs it: see docs/access.md.",
			seen, Notice, "process_started and in_container and entered and not beat"),
		rule("Terminal in a container", "A shell has a terminal in a container: a person is in it.",
			seen, Warning, "process_started and in_container and proc.name in (shells) and proc.tty != 0"),
		rule("Shell on a node", "A shell has a terminal on a node itself. Nodes have no SSH, and nobody logs in to them.",
			seen, Critical, "process_started and on_node and proc.name in (shells) and proc.tty != 0"),
		rule(WrittenEtc, "A file below /etc was written in a container: settings of programs, of users, or of the node where it is mounted.",
			seen, Error, `in_container and ((opened_to_write and fd.name startswith "/etc/") or moved_to_etc)`, "fd.name", "fs.path.target"),
		rule("Written below /etc on a node", "A file below /etc of a node was written. What stands there is fixed at the first boot; a change is a new node.",
			seen, Error, `on_node and ((opened_to_write and fd.name startswith "/etc/") or moved_to_etc)`, "fd.name", "fs.path.target"),
		rule(SecretRead, "A container's process read passwords, the cluster's keys, or the token of an account that it was not started to use.",
			requirements.SecretsManagement, Critical,
			"in_container and opened_to_read and (fd.name in (shadow_files) or cluster_keys or (account_token and proc.vpid != 1))", "fd.name"),
		rule("Secret file read on a node", "A program of a node read passwords or the cluster's keys, and is none of those that work with them.",
			requirements.SecretsManagement, Critical, "on_node and opened_to_read and (fd.name in (shadow_files) or cluster_keys)", "fd.name"),
		rule(CalledOut, "A pod called an address that is none of the cluster's, and no edge of docs/network.md lets it. A policy stops it, too.",
			requirements.NetworkSegmentation, Warning,
			"in_container and container.host_network = false and calls and not fd.snet in (cluster_networks) and not has_business_outside", "fd.name", "fd.l4proto"),
		rule("Program that is not of the image", "A container ran a program that was not in its image: written after it had started, or held in memory alone.",
			requirements.MalwareProtection, Critical, "process_started and in_container and (proc.is_exe_upper_layer = true or proc.is_exe_from_memfd = true)"),
		rule("Package manager in a container", "A package manager ran in a container. Images are made elsewhere, and named by what is in them.",
			requirements.ImageProvenance, Error, "process_started and in_container and proc.name in (package_managers)"),
		rule("Namespace changed from a container", "A container's process moved to another namespace, as one does that leaves its container.",
			requirements.PodSecurity, Critical, `evt.type in ("setns", "unshare") and in_container and not proc.name in (runtimes)`),
		rule("Process attached to another", "A process took hold of another's memory or registers (ptrace): it reads its secrets, or changes what it does.",
			seen, Critical, `evt.type = "ptrace" and evt.arg.request in (attaching)`, "evt.arg.request"),
	}
}
