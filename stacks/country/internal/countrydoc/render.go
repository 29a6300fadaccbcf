package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/country"
)

const generated = "<!-- Written by go generate ./stacks/country from stacks/country and requirements. Change those. -->\n"

const preamble = `
What the country's rules ask of a stack, what the plan does about it before the first resource exists, and how sure the
ground is. This is no legal advice, and a plan that is accepted is evidence for a duty, never proof that the law is met.
`

// render makes every page, by the name of its file.
func render() (map[string]string, error) {
	catalogue, err := requirements.Embedded()
	if err != nil {
		return nil, err
	}
	pages := map[string]string{}
	index := "# Countries\n\n" + generated + `
One page per country: each duty, what the plan does about it, and how sure its ground is.

| country | access log, least days | where data may lie | more than one factor | provider's certificate | records, years |
|---|---|---|---|---|---|
`
	for _, p := range country.Profiles() {
		page, err := pageOf(catalogue, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Code, err)
		}
		pages[p.Code+".md"] = page
		index += indexRow(p)
	}
	pages["README.md"] = index + "\n\"declared\": no number is established or none is in force, and the site declares one.\n"
	return pages, nil
}

func indexRow(p country.Profile) string {
	number := func(n int) string {
		if n == 0 {
			return "declared"
		}
		return fmt.Sprint(n)
	}
	place := "EEA"
	if !slices.Equal(p.Residency.Value, country.EEA()) {
		place = fmt.Sprintf("%d countries", len(p.Residency.Value))
	}
	return fmt.Sprintf("| [%s](%s.md) | %s | %s | %s | %s | %s |\n", p.Name, p.Code, number(p.PatientAccessLog.Floor.Value), place,
		p.MFA.Value, p.ProviderProof.Value.Standard, number(p.RecordYears.Value))
}

// page is one country's page while it is written.
type page struct {
	catalogue *requirements.Catalogue
	out       strings.Builder
	cited     map[string]bool // rows that a duty rests on
	topics    map[string]bool // rows that name a topic of the instruction
}

func pageOf(catalogue *requirements.Catalogue, p country.Profile) (string, error) {
	w := &page{catalogue: catalogue, cited: map[string]bool{}, topics: map[string]bool{}}
	fmt.Fprintf(&w.out, "# %s\n\n%s%s\n", p.Name, generated, preamble)
	for _, remark := range p.Remarks {
		fmt.Fprintf(&w.out, "- %s\n", remark)
	}
	fmt.Fprintf(&w.out, "\n## Duties\n\n")
	if err := w.duties(p.Duties); err != nil {
		return "", err
	}
	for _, o := range p.Overlays {
		fmt.Fprintf(&w.out, "\n## Besides, for an operator of kind `%s`\n\nThe overlay `%s` takes the place of the same duty above; its ground is added.\n\n", o.Operator, o.Name)
		if err := w.duties(o.Duties); err != nil {
			return "", err
		}
	}
	if err := w.instruction(p.Instruction); err != nil {
		return "", err
	}
	w.requirements()
	w.unserved(requirements.Profile(p.Code))
	return w.out.String(), nil
}

func (w *page) duties(d country.Duties) error {
	duties, err := dutiesOf(d)
	if err != nil {
		return err
	}
	fmt.Fprintf(&w.out, "| duty | what the plan does | rests on, and how sure | our reading |\n|---|---|---|---|\n")
	for _, duty := range duties {
		ground := make([]string, len(duty.cites))
		for i, id := range duty.cites {
			row, ok := w.catalogue.ByID(id)
			if !ok {
				return fmt.Errorf("%s: the catalogue does not have %s", duty.title, id)
			}
			w.cited[id] = true
			ground[i] = fmt.Sprintf("`%s` %s", id, escaped(string(row.Grade)))
		}
		fmt.Fprintf(&w.out, "| %s | %s | %s | %s |\n", duty.title, cell(duty.does), strings.Join(ground, ", "), cell(duty.reading))
	}
	return nil
}

func (w *page) instruction(topics []country.Topic) error {
	if len(topics) == 0 {
		return nil
	}
	fmt.Fprintf(&w.out, "\n## The instruction to the processor\n\nThe controller's instruction has these topics. Each is answered by one capability of the platform.\n\n"+
		"| topic | capability | how sure | a duty above rests on it |\n|---|---|---|---|\n")
	for _, topic := range topics {
		row, ok := w.catalogue.ByID(topic.Requirement)
		if !ok {
			return fmt.Errorf("instruction: the catalogue does not have %s", topic.Requirement)
		}
		w.topics[topic.Requirement] = true
		served := "no"
		if w.cited[topic.Requirement] {
			served = "yes"
		}
		fmt.Fprintf(&w.out, "| %s (`%s`) | `%s` | %s | %s |\n", topic.Subject, topic.Requirement, topic.Capability, escaped(string(row.Grade)), served)
	}
	return nil
}

// requirements prints every row that the page has named so far, and what its grades mean.
func (w *page) requirements() {
	fmt.Fprintf(&w.out, "\n## What the requirements say\n\n")
	named := func(r requirements.Requirement) bool { return w.cited[r.ID] || w.topics[r.ID] }
	w.legend(named)
	w.rows(named)
}

// unserved prints the rows of the country that the plan does nothing about.
func (w *page) unserved(profile requirements.Profile) {
	left := func(r requirements.Requirement) bool {
		return r.Profile == profile && !w.cited[r.ID] && !w.topics[r.ID]
	}
	fmt.Fprintf(&w.out, "\n## Not served by the platform's plan yet\n\nNo duty above rests on these rows of the catalogue. Some bind an application or an organisation, "+
		"some are served by other parts of the platform, some are not established.\n\n")
	w.legend(left)
	w.rows(left)
}

// legend explains the grades of the rows that are picked.
func (w *page) legend(pick func(requirements.Requirement) bool) {
	var grades []requirements.Grade
	for _, row := range w.catalogue.All() {
		if pick(row) && !slices.Contains(grades, row.Grade) {
			grades = append(grades, row.Grade)
		}
	}
	slices.Sort(grades)
	var lines []string
	for _, grade := range grades {
		lines = append(lines, fmt.Sprintf("**%s**: %s", escaped(string(grade)), grade.Sure()))
	}
	if len(lines) > 0 {
		fmt.Fprintf(&w.out, "How sure: %s.\n\n", strings.Join(lines, "; "))
	}
}

// rows prints the rows that are picked, as the printing rule allows.
func (w *page) rows(pick func(requirements.Requirement) bool) {
	none := true
	for _, row := range w.catalogue.All() {
		if pick(row) {
			none = false
			text, _ := row.Print()
			fmt.Fprintf(&w.out, "- **%s** %s\n", escaped(string(row.Grade)), escaped(text))
		}
	}
	if none {
		fmt.Fprintf(&w.out, "None.\n")
	}
}

// escaped keeps a text from being read as Markdown.
func escaped(text string) string {
	return strings.NewReplacer("*", `\*`, "<", "&lt;", ">", "&gt;").Replace(text)
}

// cell is a text fit for a table. Its code marks stay.
func cell(text string) string { return strings.ReplaceAll(escaped(text), "|", `\|`) }
