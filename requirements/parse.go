package requirements

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// file is the catalogue's form on disk.
type file struct {
	Sources      map[string]sourceRow `yaml:"sources"`
	Requirements []row                `yaml:"requirements"`
}

type sourceRow struct {
	Ref  string `yaml:"ref"`
	Kind string `yaml:"kind"`
}

type row struct {
	ID           string       `yaml:"id"`
	Profile      Profile      `yaml:"profile"`
	Status       Status       `yaml:"status"`
	Citation     string       `yaml:"citation"`
	Title        string       `yaml:"title"`
	Demand       string       `yaml:"demand"`
	Capabilities []Capability `yaml:"capabilities"`
	Proof        []Proof      `yaml:"proof"`
	Sure         Grade        `yaml:"sure"`
	Source       []string     `yaml:"source"`
	Note         string       `yaml:"note"`
}

// Parse reads a catalogue. An unknown key, grade, status, profile, capability or source is an error; all errors of
// all rows are returned together, each naming its row.
func Parse(data []byte) (*Catalogue, error) {
	var f file
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&f); err != nil {
		return nil, fmt.Errorf("requirements: catalogue: %w", err)
	}
	c := &Catalogue{byID: make(map[string]int), byCapability: make(map[Capability][]int)}
	var problems []error
	for _, key := range slices.Sorted(maps.Keys(f.Sources)) {
		s := f.Sources[key]
		if s.Ref == "" || s.Kind == "" {
			problems = append(problems, fmt.Errorf("sources.%s: ref and kind must both be given", key))
		}
		c.sources = append(c.sources, Source{Key: key, Ref: s.Ref, Kind: s.Kind})
	}
	for i, r := range f.Requirements {
		parsed, errs := r.parse(f.Sources)
		if _, double := c.byID[r.ID]; double {
			errs = append(errs, errors.New("id is used twice"))
		}
		for _, err := range errs {
			problems = append(problems, fmt.Errorf("requirements[%d] %q: %w", i, r.ID, err))
		}
		c.byID[r.ID] = i
		c.rows = append(c.rows, parsed)
		for _, capability := range parsed.Capabilities {
			c.byCapability[capability] = append(c.byCapability[capability], i)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("requirements: catalogue:\n%w", err)
	}
	return c, nil
}

func (r row) parse(sources map[string]sourceRow) (Requirement, []error) {
	var errs []error
	for _, text := range []struct{ key, value string }{
		{"id", r.ID}, {"citation", r.Citation}, {"title", r.Title}, {"demand", r.Demand},
	} {
		if strings.TrimSpace(text.value) == "" {
			errs = append(errs, fmt.Errorf("%s is empty", text.key))
		}
	}
	errs = appendUnknown(errs, "profile", profiles(), r.Profile)
	errs = appendUnknown(errs, "status", statuses(), r.Status)
	errs = appendUnknown(errs, "grade", grades(), r.Sure)
	errs = appendUnknown(errs, "capability", Capabilities(), r.Capabilities...)
	errs = appendUnknown(errs, "proof", []Proof{ProofRunning, ProofDeclared, ProofEvidence}, r.Proof...)
	if len(r.Capabilities) == 0 || len(r.Proof) == 0 {
		errs = append(errs, errors.New("capabilities and proof must not be empty"))
	}
	if (r.Sure == GradeU) != (r.Status == DoNotAssert) {
		errs = append(errs, fmt.Errorf("grade %s with status %s: grade U and status do-not-assert belong together", r.Sure, r.Status))
	}
	if len(r.Source) == 0 && r.Sure != GradeU {
		errs = append(errs, fmt.Errorf("grade %s needs a source; without one the grade is U", r.Sure))
	}
	parsed := Requirement{
		ID: r.ID, Profile: r.Profile, Status: r.Status, Citation: r.Citation, Title: r.Title, Demand: r.Demand,
		Capabilities: r.Capabilities, Proof: r.Proof, Grade: r.Sure,
	}
	for _, key := range r.Source {
		s, ok := sources[key]
		if !ok {
			errs = append(errs, fmt.Errorf("source %q is not listed under sources", key))
			continue
		}
		parsed.Sources = append(parsed.Sources, Source{Key: key, Ref: s.Ref, Kind: s.Kind})
	}
	var err error
	if parsed.Param, parsed.Note, err = splitNote(r.Note); err != nil {
		errs = append(errs, err)
	}
	return parsed, errs
}

func appendUnknown[T ~string](errs []error, what string, known []T, values ...T) []error {
	for _, v := range values {
		if !slices.Contains(known, v) {
			errs = append(errs, fmt.Errorf("unknown %s %q", what, string(v)))
		}
	}
	return errs
}

// paramNote matches "param name=value" and, after it, an explanation of the value in brackets.
var paramNote = regexp.MustCompile(`^param ([a-z_]+)=(\d+)(?: (\([^)]*\)))?(?:; (.*))?$`)

// splitNote takes a ready parameter out of a note. The explanation of the value stays in the note, since it limits
// how the value is to be read.
func splitNote(note string) (*Param, string, error) {
	if !strings.Contains(note, "param ") {
		return nil, note, nil
	}
	m := paramNote.FindStringSubmatch(note)
	if m == nil {
		return nil, note, fmt.Errorf("note %q: a parameter is written \"param name=value\", at the note's start", note)
	}
	value, err := strconv.Atoi(m[2])
	if err != nil {
		return nil, note, fmt.Errorf("note %q: %w", note, err)
	}
	param := &Param{Name: m[1], Value: value}
	rest := m[4]
	if m[3] != "" {
		rest = strings.TrimSuffix(m[2]+" = "+strings.Trim(m[3], "()")+"; "+rest, "; ")
	}
	return param, rest, nil
}

func profiles() []Profile {
	return []Profile{Sweden, Denmark, EU, Norway, Finland, Germany, France, Netherlands, UK, ISO27001, Hardening}
}

func statuses() []Status {
	return []Status{InForce, Standard, OverlaySE, OverlayDK, Check2557, Amended, DoNotAssert, ToConfirm, Phased, Legacy, NotApplicable}
}

func grades() []Grade {
	return []Grade{GradeA, GradeAOldWording, GradeB, GradeC, GradeT, GradeU}
}
