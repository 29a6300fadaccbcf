// Package leftovers compares what stands in a cloud with what a stack's state holds.
//
// A create that failed, was killed or outlived its time limit leaves things in the cloud that no state knows, and the
// next update makes others beside them. A machine whose creation failed lies in the state as if it were made. Judge finds
// both, says what each is and how it is removed; Remove does so for what is safely the stack's own, and for nothing else.
package leftovers

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Phase is how far a thing has come.
type Phase int

// The phases.
const (
	Whole  Phase = iota
	Making       // the cloud is still at it, or has it in a queue
	Broken       // the cloud has given it up
)

// Naming is what a stack makes the name of a kind from, behind the cluster's.
type Naming string

// The ways of naming. An empty one says that a name alone proves nothing.
const (
	ByRole   Naming = "role" // what there is one of: api, gateway, nodes
	ByPool   Naming = "pool"
	ByNode   Naming = "node"
	ByPort   Naming = "port"   // of a node, or of what there is one of
	ByBundle Naming = "bundle" // of a node
)

// Thing is one object in a cloud's project.
type Thing struct {
	Kind string // as the cloud's own command names it: "volume", "loadbalancer pool"
	ID   string
	Name string // "" for kinds without names
	// State is the cloud's own word for Phase.
	State string
	Phase Phase
	// Stack is whose tag or metadata it carries. Naming says how a stack names a kind that carries neither, or that gets its
	// tags in a request of their own: a create that is killed in between leaves it without.
	Stack  string
	Naming Naming
	// Controller is a program inside the cluster that made it, such as a storage driver: no stack ever holds it.
	Controller string
	Created    time.Time // zero where the cloud does not tell
	// Of is the id of what it is a part of and goes with; UsedBy are the ids of what holds on to it.
	Of     string
	UsedBy []string
	// Precious says that it may hold data or carry traffic: a volume that was made, a machine that was started, a load
	// balancer that works.
	Precious bool
	// Delete is the command by which a person removes it.
	Delete string
}

// Resource is what the state says of one thing.
type Resource struct {
	URN, Type, ID string
	Protected     bool
}

// Stack is whose leftovers are looked for.
type Stack struct {
	Name    string   // what tags say
	Cluster string   // what names begin with
	Pools   []string // declared; what follows in the names of nodes
	// Serious stacks are those that patients depend on: nothing precious is removed. Of a state that was restored from an
	// old copy, all that is newer would seem left over.
	Serious bool
	// Alone says that no update can be at work. Without it, what is younger than any update is left alone.
	Alone bool
	// Resources are the state's. Types are those whose disappearance is told.
	Resources []Resource
	Types     []string
	Now       time.Time
}

// settled is an age at which no update's create can still be on its way into the state: thrice the longest time limit.
const settled = time.Hour

// Finding is a thing that is not as an update left it.
type Finding struct {
	Thing
	// URN names it in the state; empty outside.
	URN string
	// By is how it was found: by tag, by name, or by what it is a part of.
	By string
	// What it is, and what a person does about it.
	What, Do string
	// Kept says why Remove leaves it alone; empty where it would go.
	Kept string
}

// Judge compares. The findings are in the order in which they can be removed, those in the state last.
func Judge(stack Stack, things []Thing) []Finding {
	j := newJudge(stack, things)
	var found []Finding
	for _, thing := range things {
		by := j.ours(thing)
		resource, held := j.state[short(thing.ID)]
		switch {
		case held && thing.Phase == Broken:
			found = append(found, broken(thing, resource))
		case held || by == "":
		case j.outside[thing.Of]: // goes with what it is a part of
		default:
			found = append(found, j.stray(thing, by))
		}
	}
	for _, resource := range stack.Resources {
		if _, there := j.things[short(resource.ID)]; !there && slices.Contains(stack.Types, resource.Type) {
			found = append(found, Finding{
				Thing: Thing{Kind: kindOf(resource.Type), ID: resource.ID, State: "gone"}, URN: resource.URN, By: "the state",
				What: "in the state and no longer in the cloud", Do: "pulumi refresh && pulumi up", Kept: "it is gone",
			})
		}
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(rank(a), rank(b)) })
	return found
}

// rank puts what the state holds last.
func rank(f Finding) int {
	if f.URN == "" {
		return 0
	}
	return 1
}

// judge knows all things of the project at once.
type judge struct {
	Stack
	state   map[string]Resource // by short id
	things  map[string]Thing    // by short id
	outside map[string]bool     // ids of ours that no state holds
	parts   map[string]string   // a name of something in the state by the id of what it is a part of
	// neighbour is another stack in the project whose things are named as ours.
	neighbour string
	names     map[Naming]*regexp.Regexp
}

func newJudge(stack Stack, things []Thing) *judge {
	j := &judge{
		Stack: stack, state: map[string]Resource{}, things: map[string]Thing{}, outside: map[string]bool{}, parts: map[string]string{},
	}
	j.names = names(stack)
	for _, resource := range stack.Resources {
		j.state[short(resource.ID)] = resource
	}
	for _, thing := range things {
		j.things[short(thing.ID)] = thing
		if thing.Stack != "" && thing.Stack != stack.Name && strings.HasPrefix(thing.Name, stack.Cluster+"-") {
			j.neighbour = thing.Stack
		}
	}
	for _, thing := range things {
		if _, held := j.state[short(thing.ID)]; held {
			j.parts[thing.Of] = thing.Kind + " " + thing.ID
		} else if j.own(thing) != "" {
			j.outside[thing.ID] = true
		}
	}
	return j
}

// names are whole patterns, and not beginnings: se-prod's names begin with se's.
func names(stack Stack) map[Naming]*regexp.Regexp {
	var pools []string
	for _, pool := range stack.Pools {
		pools = append(pools, regexp.QuoteMeta(pool))
	}
	pool := "(" + strings.Join(pools, "|") + ")"
	node := pool + `-\d+-g\d+`
	const role = "(api|gateway(-https?)?|nodes|out|control-plane|worker|load-balancer)"
	all := map[Naming]*regexp.Regexp{}
	for naming, pattern := range map[Naming]string{
		ByRole: role, ByPool: pool, ByNode: node, ByPort: "(" + role + "|" + node + ")", ByBundle: node + "-bundle",
	} {
		all[naming] = regexp.MustCompile(`^` + regexp.QuoteMeta(stack.Cluster) + `-` + pattern + `$`)
	}
	return all
}

// own says how a thing shows by itself that it is ours; empty where it does not.
func (j *judge) own(thing Thing) string {
	switch {
	case thing.Controller != "":
		return ""
	case thing.Stack != "":
		if thing.Stack == j.Name {
			return "tag"
		}
		return ""
	case thing.Naming != "" && j.names[thing.Naming].MatchString(thing.Name):
		return "name"
	}
	return ""
}

// ours says how a thing was found to be ours: by itself, or by what it is a part of or attached to.
func (j *judge) ours(thing Thing) string {
	if by := j.own(thing); by != "" || thing.Stack != "" || thing.Controller != "" {
		return by
	}
	for _, id := range append([]string{thing.Of}, thing.UsedBy...) {
		owner, there := j.things[short(id)]
		if _, held := j.state[short(id)]; there && (held || j.own(owner) != "") {
			return owner.Kind + " " + cmp.Or(owner.Name, owner.ID)
		}
	}
	return ""
}

// stray is a thing of ours that no state holds.
func (j *judge) stray(thing Thing, by string) Finding {
	f := Finding{Thing: thing, By: by, Do: thing.Delete}
	switch thing.Phase {
	case Making:
		f.What = "outside the state, and the cloud has not finished it: a create that was given up is carried out when its service returns"
		f.Do = "wait, look again, then " + thing.Delete
	case Broken:
		f.What = "outside the state: its creation failed"
	default:
		f.What = "outside the state: made, and never written down"
	}
	f.Kept = j.keep(thing, by)
	return f
}

// keep is why a stray is not removed by a program; empty where it is.
func (j *judge) keep(thing Thing, by string) string {
	if thing.Phase == Making {
		return "the cloud is still at it"
	}
	if by != "tag" && by != "name" {
		return "neither tag nor name says that it is this stack's"
	}
	if by == "name" && j.neighbour != "" {
		return fmt.Sprintf("only its name says whose it is, and stack %s gives the same names in this project", j.neighbour)
	}
	if thing.Name != "" && !strings.HasPrefix(thing.Name, j.Cluster+"-") {
		return "it carries the stack's tag under a name that the stack gives nothing"
	}
	for _, id := range thing.UsedBy {
		user := j.things[short(id)]
		if !j.outside[id] || j.keep(user, j.own(user)) != "" {
			return "in use by " + id
		}
	}
	if part := j.parts[thing.ID]; part != "" {
		return "the state holds a part of it, " + part
	}
	if j.Serious && thing.Precious {
		return "patients may depend on it, by its data or its traffic: a person looks first"
	}
	if !j.Alone && (thing.Created.IsZero() || j.Now.Sub(thing.Created) < settled) {
		return "an update may be at work: this backend's lock cannot be looked into, and it is not known to be older than an hour"
	}
	return ""
}

// broken is a thing in the state that the cloud has given up.
func broken(thing Thing, r Resource) Finding {
	f := Finding{Thing: thing, URN: r.URN, By: "the state", Kept: "it is in the state"}
	f.What = "in the state as if it were made: the next update builds on it"
	replace := fmt.Sprintf("pulumi up --replace '%s'", r.URN)
	if r.Protected {
		replace = fmt.Sprintf("pulumi state unprotect '%s' && %s", r.URN, replace)
	}
	f.Do = replace
	if thing.Kind == "volume" {
		// It was whole once: a volume whose creation fails never comes into the state.
		f.What, f.Do = "in the state, and the cloud can no longer use it", "openstack volume show "+thing.ID+"; if nothing on it is needed: "+replace
	}
	return f
}

// short is the last part of an id that is an address.
func short(id string) string { return id[strings.LastIndex(id, "/")+1:] }

// kindOf makes "volume" of openstack:blockstorage/volume:Volume.
func kindOf(resourceType string) string {
	return strings.ToLower(resourceType[strings.LastIndex(resourceType, ":")+1:])
}
