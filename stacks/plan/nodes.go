package plan

import (
	"cmp"
	"maps"
	"slices"

	"github.com/lagrum/lagrum/stacks/site"
)

// pools decides the nodes of every pool and the retirements of the control plane.
func pools(s *site.Site, steps []EncryptionStep) ([]Pool, []Retirement) {
	var decided []Pool
	var retired []Retirement
	for i := range s.NodePools {
		declared := &s.NodePools[i]
		pool := Pool{
			Name: declared.Name.String(), Role: Worker, Size: declared.Size.String(), Labels: maps.Clone(declared.Labels),
			Virtual: s.Cloud.Lab != nil && declared.Virtual(),
			Nodes:   make([]Node, 0, declared.Count),
		}
		if declared.Role == site.ControlPlane {
			pool.Role = ControlPlane
			retired = retirements(declared)
		}
		for _, d := range declared.Disks {
			pool.Disks = append(pool.Disks, Disk{Name: d.Name.String(), GiB: d.GiB, EncryptedBy: encryptedBy(s, d.Name.String())})
		}
		for slot := 1; slot <= declared.Count; slot++ {
			generation := declared.SlotGeneration(slot)
			name := site.NodeName(declared.Name, slot, generation)
			node := Node{
				Name: name, Slot: slot, Generation: generation,
				// By slot and not by what is left over, so that a node keeps its zone whatever its pool's size.
				Zone: declared.Zones[(slot-1)%len(declared.Zones)].String(),
			}
			if pool.Role == ControlPlane {
				// Once the initialising node was replaced, no node has its name and every node joins.
				node.Initialises = name == s.Cluster.InitialisedBy.String()
				node.EncryptionKeys, node.EncryptionAfter = bornWith(s, steps, slot, node.Initialises)
			}
			pool.Nodes = append(pool.Nodes, node)
		}
		for _, former := range declared.Former() {
			pool.Nodes = append(pool.Nodes, Node{
				Name: former.Name, Slot: former.Slot, Generation: former.Generation, Leaving: true,
				Zone: declared.Zones[(former.Slot-1)%len(declared.Zones)].String(),
			})
		}
		decided = append(decided, pool)
	}
	slices.SortFunc(decided, func(a, b Pool) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Name, b.Name)) // control-plane sorts before worker
	})
	return decided, retired
}

// encryptedBy says who encrypts a disk of the site, by its name.
func encryptedBy(s *site.Site, disk string) []Encryption {
	var by []Encryption
	data := disk == "data"
	if s.Cloud.AWS != nil || s.Cloud.OpenStack != nil && !(data && !s.Cloud.OpenStack.DataVolumeType.IsZero()) {
		by = append(by, ByCloud)
	}
	if data && s.GuestEncryption != nil {
		by = append(by, ByGuest)
	}
	return by
}

func guestEncryption(s *site.Site) *GuestEncryption {
	if s.GuestEncryption == nil {
		return nil
	}
	g := &GuestEncryption{Needed: s.GuestEncryption.Needed}
	for _, server := range s.GuestEncryption.KeyServers {
		g.KeyServers = append(g.KeyServers, KeyServer{URL: server.URL.String(), Thumbprint: server.Thumbprint.String()})
	}
	return g
}

// retirements gives each entry of the pool's list the generation that left and the one that came.
func retirements(pool *site.Pool) []Retirement {
	var retired []Retirement
	generation := map[int]int{}
	for _, slot := range pool.Replacements {
		if generation[slot] == 0 {
			generation[slot] = pool.Generation
		}
		retired = append(retired, Retirement{
			Node:        site.NodeName(pool.Name, slot, generation[slot]),
			Replacement: site.NodeName(pool.Name, slot, generation[slot]+1),
		})
		generation[slot]++
	}
	return retired
}

// zones is the sorted union of the pools' zones.
func zones(s *site.Site) []string {
	var all []string
	for _, p := range s.NodePools {
		for _, z := range p.Zones {
			all = append(all, z.String())
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Workers is how many workers stay: those that leave run nothing for long.
func (p *Plan) Workers() int {
	workers := 0
	for _, pool := range p.Pools {
		if pool.Role != Worker {
			continue
		}
		for _, node := range pool.Nodes {
			if !node.Leaving {
				workers++
			}
		}
	}
	return workers
}
