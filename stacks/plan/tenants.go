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
	// Pipelines are the names of those that deploy there, sorted.
	Pipelines []string `json:"pipelines,omitempty"`
	Quota     Quota    `json:"quota"`
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
		made.Developers = groups(t.Developers)
		if login := s.Identity.Login; login != nil {
			for _, p := range login.Pipelines {
				if slices.Contains(p.Tenants, t.Name) {
					made.Pipelines = append(made.Pipelines, p.Name.String())
				}
			}
		}
		slices.Sort(made.Pipelines)
		all = append(all, made)
	}
	slices.SortFunc(all, func(a, b Tenant) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Access are the groups that work for the platform, by what they do; each list is sorted. No person is ever bound.
type Access struct {
	Operators        []string `json:"operators,omitempty"`
	SecurityOfficers []string `json:"securityOfficers,omitempty"`
	Auditors         []string `json:"auditors,omitempty"`
	BreakGlass       []string `json:"breakGlass,omitempty"`
}

func access(s *site.Site) Access {
	if s.Access == nil {
		return Access{}
	}
	return Access{
		Operators: groups(s.Access.Operators), SecurityOfficers: groups(s.Access.SecurityOfficers),
		Auditors: groups(s.Access.Auditors), BreakGlass: groups(s.Access.BreakGlass),
	}
}

func groups(declared []site.Text) []string {
	var all []string
	for _, group := range declared {
		all = append(all, group.String())
	}
	slices.Sort(all)
	return all
}
