package plan

import "github.com/lagrum/lagrum/stacks/site"

// watched decides where what runs is watched. No site can turn it off: only a laboratory says whether it has what that takes,
// and none of them is for patients.
func watched(lab *site.Lab, pools []Pool) []string {
	var names []string
	for _, pool := range pools {
		if lab == nil || (lab.FalcoImage && pool.Virtual) {
			names = append(names, pool.Name)
		}
	}
	return names
}
