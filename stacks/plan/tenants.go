package plan

import (
	"cmp"
	"slices"

	"github.com/lagrum/lagrum/stacks/site"
)

// Tenant is a namespace that a team, or a system, has for itself.
type Tenant struct {
	Name string `json:"name"`
	// Developers are groups, sorted. No person is ever bound.
	Developers []string `json:"developers"`
	Quota      Quota    `json:"quota"`
}

// Quota is what a tenant's pods may take together.
type Quota struct {
	CPU        int `json:"cpu"` // cores
	MemoryGiB  int `json:"memoryGiB"`
	StorageGiB int `json:"storageGiB"`
	Pods       int `json:"pods"`
}

func tenants(s *site.Site) []Tenant {
	var all []Tenant
	for _, t := range s.Tenants {
		made := Tenant{Name: t.Name.String(), Quota: Quota{CPU: t.CPU, MemoryGiB: t.MemoryGiB, StorageGiB: t.StorageGiB, Pods: t.Pods}}
		for _, group := range t.Developers {
			made.Developers = append(made.Developers, group.String())
		}
		slices.Sort(made.Developers)
		all = append(all, made)
	}
	slices.SortFunc(all, func(a, b Tenant) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
