package plan

import (
	"slices"
	"strings"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/country"
)

// IDs are requirements of the catalogue, the country's own before the Union's and each part sorted: the nearest law first.
// In JSON they are one string with spaces between.
type IDs []string

// MarshalText writes them on one line.
func (ids IDs) MarshalText() ([]byte, error) { return []byte(strings.Join(ids, " ")), nil }

// UnmarshalText reads what MarshalText wrote.
func (ids *IDs) UnmarshalText(text []byte) error {
	*ids = strings.Fields(string(text))
	return nil
}

// asks finds which requirements that bind the site ask for each capability.
func asks(c *requirements.Catalogue, p country.Profile, overlays []string) map[requirements.Capability]IDs {
	found := map[requirements.Capability]IDs{}
	for _, capability := range requirements.Capabilities() {
		var ids []string
		for _, row := range c.ByCapability(capability) {
			if p.Binds(row, overlays) {
				ids = append(ids, row.ID)
			}
		}
		if len(ids) > 0 {
			found[capability] = nearest(ids)
		}
	}
	return found
}

// nearest puts the country's own before the Union's, and takes out what is named twice.
func nearest(ids []string) IDs {
	slices.SortFunc(ids, func(a, b string) int {
		union := func(id string) int {
			if strings.HasPrefix(id, "EU-") {
				return 1
			}
			return 0
		}
		if by := union(a) - union(b); by != 0 {
			return by
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(ids)
}

// Serves are the requirements that resources of a type serve, by the controls of the package that makes them: those that
// ask for a capability of which a control says that the type serves it. Empty where no control names the type, or where
// no law of the site's asks for what it serves.
func (p *Plan) Serves(controls []requirements.Control, resource string) IDs {
	var ids []string
	for _, control := range controls {
		if slices.Contains(control.Resources, resource) {
			ids = append(ids, p.Asks[control.Capability]...)
		}
	}
	return nearest(ids)
}
