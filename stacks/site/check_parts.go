package site

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// NodeName is the name of a node: <pool>-<slot>-g<generation>.
func NodeName(pool Name, slot, generation int) string {
	return fmt.Sprintf("%s-%d-g%d", pool, slot, generation)
}

// Former are the nodes on their way out, with slot and generation.
func (p *Pool) Former() []Former {
	var all []Former
	for _, name := range p.Leaving {
		if slot, generation, had := p.formerNode(name); had {
			all = append(all, Former{Name: name.String(), Slot: slot, Generation: generation})
		}
	}
	return all
}

// Former is a node that its pool no longer has.
type Former struct {
	Name             string
	Slot, Generation int
}

// SlotGeneration is the generation of the node that now holds a slot.
func (p *Pool) SlotGeneration(slot int) int {
	generation := p.Generation
	for _, replaced := range p.Replacements {
		if replaced == slot {
			generation++
		}
	}
	return generation
}

func (c *checker) pools(s *Site) {
	controlPlanes := 0
	names := map[Name]bool{}
	for i := range s.NodePools {
		p, path := &s.NodePools[i], fmt.Sprintf("nodePools[%d]", i)
		c.longest(path+".name", p.Name, 20)
		if names[p.Name] && !p.Name.IsZero() {
			c.bad(path+".name", p.Name.String(), "is another pool's name", "choose a name of its own")
		}
		names[p.Name] = true
		if p.Role == ControlPlane {
			controlPlanes++
		}
		c.pool(s, p, path)
	}
	if controlPlanes != 1 {
		c.bad("nodePools", "", fmt.Sprintf("has %d control-plane pools", controlPlanes), "declare exactly one pool with role control-plane")
	}
}

func (c *checker) pool(s *Site, p *Pool, path string) {
	switch {
	case p.Role == ControlPlane && p.Count != 1 && p.Count != 3:
		c.bad(path+".count", strconv.Itoa(p.Count), "is no size for a control plane", "use 1, or 3 to outlive the loss of a machine")
	case p.Role == Worker && (p.Count < 0 || p.Count > 1000):
		c.bad(path+".count", strconv.Itoa(p.Count), "is out of range", "use 0 to 1000")
	case p.Role == ControlPlane && p.Count == 1 && s.Environment.Serious():
		c.warn(path+".count", "is 1: the API is gone while that machine is", "use 3")
	case p.Count > 1 && len(p.Zones) == 1 && s.Environment.Serious():
		c.warn(path+".zones", "has one zone: its loss takes every node of the pool", "spread the pool over the zones that the cloud has")
	}
	c.zones(p, path+".zones")
	c.disks(s, p, path+".disks")
	c.labels(p, path+".labels")
	c.generations(p, path)
	c.leaving(p, path+".leaving")
}

func (c *checker) zones(p *Pool, path string) {
	if len(p.Zones) == 0 {
		c.bad(path, "", "is empty", "name at least one zone")
	}
	for i, zone := range p.Zones {
		if !zone.IsZero() && slices.Contains(p.Zones[:i], zone) {
			c.bad(fmt.Sprintf("%s[%d]", path, i), zone.String(), "is listed twice", "keep one; nodes take the zones in turn")
		}
	}
}

func (c *checker) disks(s *Site, p *Pool, path string) {
	names := map[string]bool{}
	for i, disk := range p.Disks {
		at, name := fmt.Sprintf("%s[%d]", path, i), disk.Name.String()
		least := 1
		if name == "root" {
			least = 20
		}
		if disk.GiB < least || disk.GiB > 16384 {
			c.bad(at+".gib", strconv.Itoa(disk.GiB), "is no size for this disk", fmt.Sprintf("use %d to 16384", least))
		}
		switch {
		case name == "data" && s.Cloud.Kind() == "lab" && c.read("cloud") && !p.Virtual():
			c.bad(at+".name", name, "is a disk that a system container cannot have", "take it out, or use a virtual machine: size: vm-2c2g")
		case name != "root" && name != "data" && name != "":
			c.bad(at+".name", name, "is for nothing that a node has", "use root or data")
		}
		if names[name] && name != "" {
			c.bad(at+".name", name, "is another disk's name", "choose a name of its own")
		}
		names[name] = true
	}
	if !names["root"] {
		c.bad(path, "", "has no root disk", "add {name: root, gib: 40}")
	}
}

func (c *checker) guestEncryption(s *Site) {
	g := s.GuestEncryption
	if g == nil {
		return
	}
	if !slices.ContainsFunc(s.NodePools, func(p Pool) bool { return p.Data() != nil }) {
		c.bad("guestEncryption", "", "has nothing to encrypt: no pool has a data disk", "take it out, or add {name: data, gib: 200} to a pool's disks")
	}
	if len(g.KeyServers) == 0 {
		c.bad("guestEncryption.keyServers", "", "is empty", "name the Tang servers that help to open the disks")
		return
	}
	if g.Needed < 1 || g.Needed > len(g.KeyServers) {
		c.bad("guestEncryption.needed", strconv.Itoa(g.Needed), "is no number of them", fmt.Sprintf("use 1 to %d", len(g.KeyServers)))
	}
	for i, server := range g.KeyServers {
		if !server.Thumbprint.IsZero() && slices.ContainsFunc(g.KeyServers[:i], func(o KeyServer) bool { return o.Thumbprint == server.Thumbprint }) {
			c.bad(fmt.Sprintf("guestEncryption.keyServers[%d].thumbprint", i), server.Thumbprint.String(), "is another server's", "name each server once")
		}
	}
	if s.Environment.Serious() && g.Needed == len(g.KeyServers) {
		c.warn("guestEncryption.needed", "is all of them: while one is away, no node that restarts gets its data disk open", "have one more server than are needed")
	}
}

// labels follows the syntax of Kubernetes labels, and its NodeRestriction admission: a kubelet may not set labels of
// Kubernetes' own domains on itself.
func (c *checker) labels(p *Pool, path string) {
	for _, key := range slices.Sorted(maps.Keys(p.Labels)) {
		at, label := join(path, key), p.Labels[key]
		switch {
		case len(key) > 253 || !labelKeyText.MatchString(key):
			c.bad(at, "", "is not a label key", "write a name, with a domain before a slash, e.g. example.org/zone")
		case reservedLabel.MatchString(key):
			c.bad(at, "", "belongs to Kubernetes, which forbids a node to set it", "use a domain of your own")
		case ownLabel.MatchString(key):
			c.bad(at, "", "belongs to Lagrum, which sets its own", "use a domain of your own")
		case !labelValueText.MatchString(label):
			c.bad(at, shown(label), "is not a label value", "use at most 63 letters, digits, dots, hyphens and underscores")
		}
	}
}

func (c *checker) generations(p *Pool, path string) {
	switch {
	case p.Generation < 1:
		c.bad(path+".generation", strconv.Itoa(p.Generation), "is not a generation", "count from 1")
	case p.Generation > 999:
		c.bad(path+".generation", strconv.Itoa(p.Generation), "is out of range", "use 1 to 999, one more each time")
	case p.Role == ControlPlane && p.Generation != 1:
		c.bad(path+".generation", strconv.Itoa(p.Generation), "would replace all control planes at once",
			"keep 1, and append the slots to replace to replacements")
	}
	if p.Role == Worker && len(p.Replacements) > 0 {
		c.bad(path+".replacements", "", "belongs to a control plane", "take it out; generation replaces a worker pool")
		return
	}
	if !c.read(path + ".count") {
		return
	}
	for i, slot := range p.Replacements {
		if slot < 1 || slot > p.Count {
			c.bad(fmt.Sprintf("%s.replacements[%d]", path, i), strconv.Itoa(slot), "is not a slot of the pool",
				fmt.Sprintf("use 1 to %d, the pool's count", p.Count))
		}
	}
}

// leaving checks that each node is one that the pool had and no longer has.
func (c *checker) leaving(p *Pool, path string) {
	if p.Role == ControlPlane && len(p.Leaving) > 0 {
		c.bad(path, "", "belongs to a worker pool", "take it out; replacements retires control planes")
		return
	}
	for i, name := range p.Leaving {
		at := fmt.Sprintf("%s[%d]", path, i)
		if name.IsZero() {
			continue
		}
		slot, generation, had := p.formerNode(name)
		switch {
		case slices.Contains(p.Leaving[:i], name):
			c.bad(at, name.String(), "is listed twice", "keep one")
		case !had:
			c.bad(at, name.String(), "is no node that this pool had", "write its name: "+NodeName(p.Name, 1, p.Generation))
		case generation == p.Generation && slot <= p.Count && c.read(strings.TrimSuffix(path, ".leaving")+".count"):
			c.bad(at, name.String(), "is a node that the pool still has", "raise generation, or lower count, in the same change")
		}
	}
}

// formerNode reads slot and generation out of the name of a node that the pool has or had.
func (p *Pool) formerNode(name Name) (slot, generation int, had bool) {
	m := nodeNameText.FindStringSubmatch(name.String())
	if m == nil || m[1] != p.Name.String() {
		return 0, 0, false
	}
	slot, _ = strconv.Atoi(m[2]) // the pattern admits few digits, so neither fails
	generation, _ = strconv.Atoi(m[3])
	return slot, generation, generation <= p.Generation
}

func (c *checker) identity(s *Site) {
	names := map[Name]bool{}
	for i, k := range s.Identity.Connectors {
		path := fmt.Sprintf("identity.connectors[%d]", i)
		if names[k.Name] && !k.Name.IsZero() {
			c.bad(path+".name", k.Name.String(), "is another connector's name", "choose a name of its own")
		}
		names[k.Name] = true
		directory := strings.HasPrefix(k.URL.String(), "ldaps://")
		switch {
		case k.Type == Static && s.Cloud.Kind() != "lab" && c.read("cloud"):
			c.bad(path+".type", string(k.Type), "is for the lab only", "connect the organisation's own identity provider")
		case k.Type == Static && !k.URL.IsZero():
			c.bad(path+".url", k.URL.String(), "has no meaning for static users", "take it out")
		case k.URL.IsZero() && (k.Type == OIDC || k.Type == SAML || k.Type == LDAP):
			c.bad(path+".url", "", "is missing", "add the address of the "+string(k.Type)+" service")
		case k.Type == LDAP && !directory:
			c.bad(path+".url", k.URL.String(), "is not a directory", "use ldaps://")
		case k.Type != LDAP && k.Type != "" && directory:
			c.bad(path+".url", k.URL.String(), "is a directory", "use https://, or type ldap")
		}
		c.foreign(path, k)
	}
	if s.Environment.Serious() && len(s.Identity.Connectors) == 0 {
		c.bad("identity.connectors", "", "is empty", "name who vouches for the people that use a "+string(s.Environment)+" stack")
	}
	c.login(s)
}

func (c *checker) retention(r *Retention) {
	classes := map[LogClass]bool{}
	for i, l := range r.Logs {
		path := fmt.Sprintf("retention.logs[%d]", i)
		if classes[l.Class] && l.Class != "" {
			c.bad(path+".class", string(l.Class), "is listed twice", "keep one")
		}
		classes[l.Class] = true
		if !l.FloorDays.IsZero() && !l.CeilingDays.IsZero() && l.FloorDays.Int() > l.CeilingDays.Int() {
			c.bad(path+".ceilingDays", l.CeilingDays.String(), "is before floorDays "+l.FloorDays.String()+", when nobody can delete yet",
				"use at least the floor")
		}
	}
	for _, class := range []LogClass{PatientAccess, PlatformSecurity} {
		if !classes[class] {
			c.bad("retention.logs", "", "lacks the class "+string(class), "say how long its logs are kept: floorDays, ceilingDays")
		}
	}
	if r.RecordYears < 0 || r.RecordYears > 100 {
		c.bad("retention.recordYears", strconv.Itoa(r.RecordYears), "is out of range", "use 1 to 100")
	}
}

func (c *checker) backup(s *Site) {
	b := s.Backup
	if b == nil {
		return
	}
	c.lasts("backup.interval", b.Interval, 15*time.Minute, 7*24*time.Hour, "15m to 7d")
	c.lasts("backup.ttl", b.TTL, 2*b.Interval.Std(), 3650*24*time.Hour, "at least twice the interval, at most 3650d")
	if r := s.Recovery; r != nil && !b.Interval.IsZero() && !r.RPO.IsZero() && b.Interval.Std() > r.RPO.Std() {
		c.bad("backup.interval", b.Interval.String(), "is longer than recovery.rpo "+r.RPO.String(), "back up at least that often")
	}
}

func (c *checker) recovery(s *Site) {
	r := s.Recovery
	if r == nil {
		if s.Environment == DR {
			c.bad("recovery", "", "is missing", "a dr stack says which stack it takes the place of, e.g. recovery: {of: se-prod}")
		}
		return
	}
	switch {
	case s.Environment == DR && r.Of.IsZero():
		c.bad("recovery.of", "", "is missing", "name the stack that this one takes the place of, e.g. se-prod")
	case s.Environment != DR && s.Environment != "" && !r.Of.IsZero():
		c.bad("recovery.of", r.Of.String(), "belongs to a dr stack", "take it out, or set environment: dr")
	case !r.Of.IsZero() && r.Of.String() == s.Stack():
		c.bad("recovery.of", r.Of.String(), "is this stack itself", "name the stack that this one takes the place of")
	}
	c.lasts("recovery.rpo", r.RPO, time.Minute, 30*24*time.Hour, "1m to 30d")
	c.lasts("recovery.rto", r.RTO, time.Minute, 30*24*time.Hour, "1m to 30d")
	c.lasts("recovery.restoreTestInterval", r.RestoreTestInterval, 24*time.Hour, 3650*24*time.Hour, "1d to 3650d")
}

func (c *checker) waivers(waivers []Waiver) {
	ids := map[RequirementID]bool{}
	for i, w := range waivers {
		path := fmt.Sprintf("waivers[%d]", i)
		if ids[w.Requirement] && !w.Requirement.IsZero() {
			c.bad(path+".requirement", w.Requirement.String(), "is waived twice", "keep one")
		}
		ids[w.Requirement] = true
		if n := len([]rune(w.Reason.String())); n > 0 && n < 20 {
			c.bad(path+".reason", w.Reason.String(), "says too little", "use at least 20 characters: why, and what will end it")
		}
	}
}
