package plan

import (
	"errors"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/lagrum/lagrum/stacks/country"
	"github.com/lagrum/lagrum/stacks/site"
)

// OfStack reads the site out of a stack's configuration file, Pulumi.<stack>.yaml, and resolves it under its country's law.
// What the site and the plan warn of is returned in both cases; the error is that of the file, of site.Load or of Resolve.
func OfStack(stackFile []byte, at time.Time) (Plan, []string, error) {
	var file struct {
		Config map[string]yaml.Node `yaml:"config"`
	}
	if err := yaml.Unmarshal(stackFile, &file); err != nil {
		return Plan{}, nil, err
	}
	node, ok := file.Config["lagrum:site"]
	if !ok {
		return Plan{}, nil, errors.New("config has no lagrum:site; see docs/site.md")
	}
	text, err := yaml.Marshal(&node)
	if err != nil {
		return Plan{}, nil, err
	}
	declared, loose, err := site.Load(text)
	warnings := make([]string, 0, len(loose))
	for _, w := range loose {
		warnings = append(warnings, w.String())
	}
	if err != nil {
		return Plan{}, warnings, err
	}
	profile, err := country.Lookup(declared.Country.String())
	if err != nil {
		return Plan{}, warnings, err
	}
	p, waived, err := Resolve(declared, profile, at)
	for _, w := range waived {
		warnings = append(warnings, w.String())
	}
	return p, warnings, err
}
