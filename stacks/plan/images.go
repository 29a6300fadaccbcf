package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lagrum/lagrum/requirements"
)

// imagesPath is where a missing digest is mended. It is no part of the site.
const imagesPath = "images.lock.yaml"

// Unresolved judges the images of a plan that have no digest, by their names. Resolve cannot: a site knows no image. It
// refuses where patients depend on the stack, unless a waiver of the site's holds, and warns elsewhere. The error is
// Refusals. It binds an update alone: who previews is shown it, since a preview pulls nothing and a review needs one.
func Unresolved(p *Plan, images []string) ([]Warning, error) {
	waiver := slices.IndexFunc(p.Waivers, func(w Waiver) bool { return slices.Contains(w.Paths, imagesPath) })
	if len(images) == 0 {
		if waiver < 0 {
			return nil, nil
		}
		return []Warning{{Finding: Finding{Path: "waivers", Value: p.Waivers[waiver].Requirement,
			Message: "waives no missing digest: every image has one", Remedy: "take it out, unless it waives something else"}}}, nil
	}
	catalogue, err := requirements.Embedded()
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	j := &judge{catalogue: catalogue}
	found := j.on(Finding{
		Path:    imagesPath,
		Message: fmt.Sprintf("%s without a digest, so that a registry may give other bytes tomorrow: %s", counted(len(images)), strings.Join(images, ", ")),
		Remedy:  "run lagrum images resolve where their registries or the site's mirror can be reached, and commit the file",
	}, p.Asks[requirements.ImageProvenance], "the rules name no digests; an image that cannot change unseen is how this platform shows where its programs come from")
	switch {
	case waiver >= 0:
		return []Warning{{Finding: found, Waiver: &p.Waivers[waiver]}}, nil
	case p.Protect:
		return nil, Refusals{found}
	default:
		return []Warning{{Finding: found}}, nil
	}
}

func counted(images int) string {
	if images == 1 {
		return "1 image is"
	}
	return fmt.Sprintf("%d images are", images)
}
