package runtime

import (
	"time"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Who answers for an exception.
const operator = "cluster operator"

// until is the last day of the exceptions of today: they are looked at anew once a year.
var until = time.Date(2027, time.November, 30, 0, 0, 0, 0, time.UTC)

// exceptions are what the platform's own pods do and the rules would tell, by the rule's name. They are bound to an image or a
// path of a program, which only who may change the node or the image can take.
func exceptions(p *plan.Plan) map[string][]Exception {
	c := images.For(p.Cluster)
	const image, program, file, line = "container.image.repository", "proc.exepath", "fd.name", "proc.cmdline"
	is := func(field, value string) Match { return Match{field, "=", value} }
	below := func(value string) Match { return Match{file, "startswith", value} }
	moved := func(value string) Match { return Match{"fs.path.target", "startswith", value} }
	excused := func(name, reason string, when ...Match) Exception {
		return Exception{Name: name, When: when, Owner: operator, Reason: reason, Expires: until}
	}
	keys := func(name string, of images.Image, folder string) Exception {
		return excused(name, "kubeadm gives it its keys there", is(image, repository(of)), below(folder))
	}
	return map[string][]Exception{
		CommandEntered: {
			excused("flannel_probe", "the kubelet asks so whether the node's network is set up", is(image, repository(c.Flannel)),
				is(line, "sh -c [ -s /etc/cni/net.d/10-lagrum.conflist ]")),
			excused("kube_router_probe", "the kubelet asks so whether policies are in force", is(image, repository(c.KubeRouter)),
				Match{line, "startswith", "iptables --wait 5 --check KUBE-ROUTER-FORWARD "}),
		},
		WrittenEtc: {
			excused("cni_configuration", "it writes what the container runtime reads of the pod network", is(image, repository(c.Flannel)), below("/etc/cni/net.d/")),
			excused("cni_configuration_moved", "it writes beside it and moves, so that nobody reads half of it", is(image, repository(c.Flannel)),
				moved("/etc/cni/net.d/")),
			excused("flannel_alternatives", "the image chooses its iptables by links in its own /etc", is(image, repository(c.Flannel)), moved("/etc/alternatives/")),
			excused("kube_router_alternatives", "the image chooses its iptables by links in its own /etc", is(image, repository(c.KubeRouter)), moved("/etc/alternatives/")),
		},
		SecretRead: {
			keys("api_server_keys", c.APIServer, "/etc/kubernetes/"),
			keys("controller_manager_keys", c.ControllerManager, "/etc/kubernetes/"),
			keys("scheduler_kubeconfig", c.Scheduler, "/etc/kubernetes/"),
			keys("etcd_keys", c.Etcd, "/etc/kubernetes/pki/etcd/"),
			excused("shell_token", "the scripts that retire, encrypt and approve ask the API by kubectl", is(image, repository(c.Etcd)),
				is(program, "/node/tools/kubectl"), below("/var/run/secrets/kubernetes.io/serviceaccount/")),
		},
		"Secret file read on a node": {
			excused("kubelet_certificates", "it shows them to the API server", is(program, kubelet), below("/var/lib/kubelet/pki/")),
			excused("kubelet_configuration", "it reads its kubeconfig and the authority", is(program, kubelet), below("/etc/kubernetes/")),
		},
	}
}

// kubelet is where a node image keeps it (docs/node-image.md).
const kubelet = "/usr/local/bin/kubelet"

// repository is an image's reference without its tag, as the container runtime tells it.
func repository(i images.Image) string {
	ref := i.Ref()
	return ref[:len(ref)-len(":"+i.Tag)]
}
