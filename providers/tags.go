package providers

import (
	"regexp"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

// maxAWSTag is how many characters AWS takes as the value of a tag.
const maxAWSTag = 256

var forbiddenInAWSTag = regexp.MustCompile(`[^\p{L}\p{N}\p{Z}_.:/=+\-@]`)

// AWSTags are the plan's tags as every service of AWS takes them, S3 wherever it is served: keys as they are; in values
// letters, digits, spaces and _.:/=+-@, at most 256. An operator's name may hold others.
func AWSTags(p *plan.Plan) map[string]string {
	all := map[string]string{}
	for key, value := range p.Tags {
		text := []rune(forbiddenInAWSTag.ReplaceAllLiteralString(value, "_"))
		all[key] = string(text[:min(len(text), maxAWSTag)])
	}
	return all
}

// ServedOnAWS is the tag, or the tags where one does not hold them, with the requirements that resources of the type serve by
// these controls. The provider's own tags come to them. AWS changes tags in place on everything.
func ServedOnAWS(p *plan.Plan, controls []requirements.Control, kind string) pulumi.StringMap {
	all := pulumi.StringMap{}
	for key, ids := range Served("lagrum.dev/requirements", p.Serves(controls, kind), maxAWSTag) {
		all[key] = pulumi.String(ids)
	}
	return all
}

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
