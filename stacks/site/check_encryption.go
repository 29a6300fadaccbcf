package site

import (
	"fmt"
	"strconv"
)

// encryption checks the steps one by one. Whether one may follow the other is for the plan to say.
func (c *checker) encryption(s *Site) {
	replaced := 0
	if pool := s.ControlPlane(); pool != nil {
		replaced = len(pool.Replacements)
	}
	before := 0
	for i, step := range s.Cluster.Encryption {
		path := fmt.Sprintf("cluster.encryption[%d]", i)
		key := func(path string, n int) {
			if n < 1 || n > 999 {
				c.bad(path, strconv.Itoa(n), "is no key", "count keys from 1, one more each time")
			}
		}
		key(path+".writes", step.Writes)
		for k, read := range step.Reads {
			key(fmt.Sprintf("%s.reads[%d]", path, k), read)
		}
		switch {
		case i == 0 && step.After != 0:
			c.bad(path+".after", strconv.Itoa(step.After), "has no meaning: nothing comes before the first step", "take it out")
		case step.After < before:
			c.bad(path+".after", strconv.Itoa(step.After), "is before the step that it follows", fmt.Sprintf("use at least %d", before))
		case step.After > replaced && c.read("nodePools"):
			c.bad(path+".after", strconv.Itoa(step.After), "is more than there are replacements", fmt.Sprintf("use at most %d", replaced))
		}
		before = step.After
	}
}
