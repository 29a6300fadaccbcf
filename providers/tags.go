package providers

import (
	"strconv"

	"github.com/lagrum/lagrum/stacks/plan"
)

// Served writes the ids of requirements into tags or metadata whose values hold at most limit characters, separated by
// spaces. What does not fit under the key goes on under key-2, key-3 and so on, so that nothing is ever cut off.
func Served(key string, ids plan.IDs, limit int) map[string]string {
	all := map[string]string{}
	at, n := key, 1
	for _, id := range ids {
		switch line := all[at]; {
		case line == "":
			all[at] = id
		case len(line)+1+len(id) <= limit:
			all[at] = line + " " + id
		default:
			n++
			at = key + "-" + strconv.Itoa(n)
			all[at] = id
		}
	}
	return all
}
