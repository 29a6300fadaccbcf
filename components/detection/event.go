package detection

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Event is the part of an audit event (audit.k8s.io/v1) that rules look at.
type Event struct {
	AuditID     string    `json:"auditID"`
	Stage       string    `json:"stage"`
	Verb        string    `json:"verb"`
	RequestURI  string    `json:"requestURI"`
	User        User      `json:"user"`
	Impersonate *User     `json:"impersonatedUser"`
	UserAgent   string    `json:"userAgent"`
	SourceIPs   []string  `json:"sourceIPs"`
	Object      *Object   `json:"objectRef"`
	Status      *Status   `json:"responseStatus"`
	At          time.Time `json:"stageTimestamp"`
	// Request is left as it came: a patch may be a list, and other kinds have other fields.
	Request json.RawMessage `json:"requestObject"`
}

// User is who asked, as the API server found out.
type User struct {
	Username string              `json:"username"`
	Groups   []string            `json:"groups"`
	Extra    map[string][]string `json:"extra"`
}

// Object is what was asked for.
type Object struct {
	Resource    string `json:"resource"`
	Subresource string `json:"subresource"`
	Namespace   string `json:"namespace"`
	Name        string `json:"name"`
	APIGroup    string `json:"apiGroup"`
}

// Status is what came of it.
type Status struct {
	Code int `json:"code"`
}

// requestBody is the pod of a request, by itself or in a workload's template.
type requestBody struct {
	Spec podSpec `json:"spec"`
}

type podSpec struct {
	HostNetwork         bool        `json:"hostNetwork"`
	HostPID             bool        `json:"hostPID"`
	HostIPC             bool        `json:"hostIPC"`
	Volumes             []volume    `json:"volumes"`
	Containers          []container `json:"containers"`
	InitContainers      []container `json:"initContainers"`
	EphemeralContainers []container `json:"ephemeralContainers"`
	// Template and JobTemplate are those of workloads.
	Template    *requestBody `json:"template"`
	JobTemplate *requestBody `json:"jobTemplate"`
}

type volume struct {
	HostPath json.RawMessage `json:"hostPath"`
}

type container struct {
	SecurityContext struct {
		Privileged   bool `json:"privileged"`
		Capabilities struct {
			Add []string `json:"add"`
		} `json:"capabilities"`
	} `json:"securityContext"`
}

// reachesNode tells whether what was asked for is a pod that gets hold of its node, or a workload of such. What cannot be read as
// either does: it is a change of one.
func (e *Event) reachesNode() bool {
	var body requestBody
	return len(e.Request) > 0 && (json.Unmarshal(e.Request, &body) != nil || body.Spec.reachesNode())
}

// reachesNode tells whether a pod gets hold of its node.
func (p *podSpec) reachesNode() bool {
	if p.HostNetwork || p.HostPID || p.HostIPC || slices.ContainsFunc(p.Volumes, func(v volume) bool { return len(v.HostPath) > 0 }) {
		return true
	}
	for _, all := range [][]container{p.Containers, p.InitContainers, p.EphemeralContainers} {
		if slices.ContainsFunc(all, func(c container) bool {
			return c.SecurityContext.Privileged || len(c.SecurityContext.Capabilities.Add) > 0
		}) {
			return true
		}
	}
	for _, inner := range []*requestBody{p.Template, p.JobTemplate} {
		if inner != nil && inner.Spec.reachesNode() {
			return true
		}
	}
	return false
}

// code of the answer; 0 where there is none yet.
func (e *Event) code() int {
	if e.Status == nil {
		return 0
	}
	return e.Status.Code
}

// refused tells whether the API server said no: to who it was, or to what was asked.
func (e *Event) refused() bool { return e.code() == 401 || e.code() == 403 }

func (e *Event) succeeded() bool { return e.code() > 0 && e.code() < 400 }

// on tells whether the event is about a resource of a group.
func (e *Event) on(group string, resources ...string) bool {
	return e.Object != nil && e.Object.APIGroup == group && (len(resources) == 0 || slices.Contains(resources, e.Object.Resource))
}

var changes = []string{"create", "update", "patch", "delete", "deletecollection"}

func (e *Event) changes() bool { return slices.Contains(changes, e.Verb) }

// path of the request, without what was asked of it: that may hold the words of a command.
func (e *Event) path() string {
	path, _, _ := strings.Cut(e.RequestURI, "?")
	return path
}
