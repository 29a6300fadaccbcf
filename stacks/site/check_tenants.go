package site

import (
	"fmt"
	"strconv"
	"strings"
)

// tenants checks that each has a namespace of its own, and people who are not the platform's.
func (c *checker) tenants(tenants []Tenant) {
	names := map[Name]bool{}
	for i := range tenants {
		t, path := &tenants[i], fmt.Sprintf("tenants[%d]", i)
		name := t.Name.String()
		switch {
		case t.Name.IsZero():
		case name == "default" || strings.HasPrefix(name, "kube-") || strings.HasPrefix(name, "lagrum"):
			c.bad(path+".name", name, "is a namespace of the cluster's own", "choose another; kube- and lagrum at the beginning are taken")
		case names[t.Name]:
			c.bad(path+".name", name, "is another tenant's name", "choose a name of its own")
		}
		names[t.Name] = true
		c.developers(t, path+".developers")
		for _, limit := range []struct {
			key                string
			value, least, most int
		}{
			{"cpu", t.CPU, 1, 10000}, {"memoryGiB", t.MemoryGiB, 1, 100000},
			{"storageGiB", t.StorageGiB, 0, 1000000}, {"pods", t.Pods, 1, 10000},
		} {
			if limit.value < limit.least || limit.value > limit.most {
				c.bad(path+"."+limit.key, strconv.Itoa(limit.value), "is out of range", fmt.Sprintf("use %d to %d", limit.least, limit.most))
			}
		}
	}
}

// developers are those that work in the tenant's namespace.
func (c *checker) developers(t *Tenant, path string) {
	if len(t.Developers) == 0 {
		c.bad(path, "", "is empty, so nobody works there", "list the groups that do")
	}
	c.groups(t.Developers, path)
}
