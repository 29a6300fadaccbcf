package detection

import (
	"slices"
	"strings"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/stacks/plan"
)

// facts are what a plan says of who there is.
type facts struct {
	breakGlass []string // groups, as the API server names them
	connectors []string // whose tokens it takes
	pipelines  []string // prefixes of their names
	exempt     []string // namespaces in which a pod may reach its node
}

func factsOf(p *plan.Plan) *facts {
	f := &facts{exempt: []string{system, runtime}}
	for _, group := range p.Access.BreakGlass {
		f.breakGlass = append(f.breakGlass, bootstrap.PersonPrefix+group)
	}
	if l := p.Cluster.Login; l != nil {
		f.connectors = l.Accepted
		for _, pipeline := range l.Pipelines {
			f.pipelines = append(f.pipelines, bootstrap.PipelinePrefix+pipeline.Name+":")
		}
	}
	return f
}

// system is the namespace of what a cluster rests on, runtime that of what watches it. Both are exempt from Pod Security.
const (
	system  = "kube-system"
	runtime = "lagrum-runtime"
)

// administrators is the group of the stack's own certificate, which the program updates the cluster with, and of the one that
// kubeadm leaves on control planes.
const administrators = "kubeadm:cluster-admins"

// agent is how the names begin that the program's Kubernetes provider gives itself at the API.
const agent = "pulumi-"

// person tells whether a person asked: by a token of Dex, or with an administrator's certificate in other hands.
func person(e *Event) bool { return byLogin(e) || byHand(e) }

func byLogin(e *Event) bool { return strings.HasPrefix(e.User.Username, bootstrap.PersonPrefix) }

func byCertificate(e *Event) bool { return slices.Contains(e.User.Groups, administrators) }

// byHand tells whether something else than the program uses such a certificate. A client names itself, so that this finds the
// careless, and not who means to deceive.
func byHand(e *Event) bool { return byCertificate(e) && !strings.HasPrefix(e.UserAgent, agent) }

// platform tells whether the cluster's own parts asked, or the program.
func platform(e *Event) bool {
	return slices.Contains(platformUsers, e.User.Username) || strings.HasPrefix(e.User.Username, "system:serviceaccount:"+system+":") ||
		(byCertificate(e) && !byHand(e))
}

var platformUsers = []string{"system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"}

// known tells whether the plan has anybody of that name. Whom else an API server lets in has a credential that nothing here made.
func (f *facts) known(e *Event) bool {
	name := e.User.Username
	return strings.HasPrefix(name, "system:") || byCertificate(e) || name == kubeletClient ||
		(len(f.connectors) > 0 && byLogin(e)) || slices.ContainsFunc(f.pipelines, func(p string) bool { return strings.HasPrefix(name, p) })
}

// kubeletClient is who an API server is to kubelets, by kubeadm's certificate.
const kubeletClient = "kube-apiserver-kubelet-client"
