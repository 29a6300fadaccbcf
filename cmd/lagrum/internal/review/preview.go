package review

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// preview is the digest that `pulumi preview --json` prints (display.PreviewDigest of the engine). Keys that the review
// does not use are not read: the engine may add some.
type preview struct {
	Config        map[string]string `json:"config"`
	Steps         []step            `json:"steps"`
	Diagnostics   []diagnostic      `json:"diagnostics"`
	ChangeSummary map[string]int    `json:"changeSummary"`
	MaybeCorrupt  bool              `json:"maybeCorrupt"`
}

type step struct {
	Op             string                     `json:"op"`
	URN            string                     `json:"urn"`
	OldState       *state                     `json:"oldState"`
	NewState       *state                     `json:"newState"`
	DiffReasons    []string                   `json:"diffReasons"`
	ReplaceReasons []string                   `json:"replaceReasons"`
	DetailedDiff   map[string]json.RawMessage `json:"detailedDiff"`
}

type state struct {
	Type                    string         `json:"type"`
	Inputs                  map[string]any `json:"inputs"`
	Protect                 bool           `json:"protect"`
	RetainOnDelete          bool           `json:"retainOnDelete"`
	AdditionalSecretOutputs []string       `json:"additionalSecretOutputs"`
}

type diagnostic struct {
	URN      string `json:"urn"`
	Message  string `json:"message"`
	Severity string `json:"severity"`
}

// verb is what happens to a resource, in the order in which a reader wants to know.
type verb int

const (
	untouched verb = iota
	deleted
	replaced
	changed
	added
)

// verbs are the engine's operations. One that is missing here is an error: silence about it could hide a deletion.
func verbs() map[string]verb {
	return map[string]verb{
		"same": untouched, "read": untouched, "refresh": untouched, "read-discard": untouched,
		"create": added, "import": added,
		"update":  changed,
		"replace": replaced, "create-replacement": replaced, "delete-replaced": replaced, "read-replacement": replaced,
		"import-replacement": replaced, "discard-replaced": replaced, "remove-pending-replace": replaced,
		"delete": deleted,
	}
}

// parse reads a preview, with every secret already replaced: nothing behind it can print one.
func parse(text []byte) (*preview, error) {
	const remedy = "give the standard output of: pulumi preview --json --show-sames"
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, fmt.Errorf("the preview printed nothing; it failed before it began: read its standard error, then %s", remedy)
	}
	p := &preview{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // a port stays a port, a big number keeps its digits
	if err := decoder.Decode(p); err != nil {
		return nil, fmt.Errorf("the preview is no digest in JSON (%w); %s", err, remedy)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the preview is more than one JSON document, as a stream of events is; %s, without PULUMI_ENABLE_STREAMING_JSON_PREVIEW", remedy)
	}
	if p.Steps == nil && p.ChangeSummary == nil && p.Diagnostics == nil {
		return nil, fmt.Errorf("the preview has neither steps nor diagnostics; %s", remedy)
	}
	known := verbs()
	var problems []error
	for i := range p.Steps {
		s := &p.Steps[i]
		if _, ok := known[s.Op]; !ok {
			problems = append(problems, fmt.Errorf("steps[%d].op: %q is no operation that this review knows; use the lagrum of this CLI's version", i, s.Op))
		}
		if typeOf(s.URN) == "" {
			problems = append(problems, fmt.Errorf("steps[%d].urn: %q is no URN; %s", i, s.URN, remedy))
		}
		for _, st := range []*state{s.OldState, s.NewState} {
			st.hide(typeOf(s.URN))
		}
	}
	for i := range p.Diagnostics {
		p.Diagnostics[i].Message = hideKeys(p.Diagnostics[i].Message)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return p, nil
}

// failure says why a preview did not come to its end.
func (p *preview) failure() string {
	var said []string
	for _, d := range p.Diagnostics {
		if d.Severity != "error" {
			continue
		}
		text := strings.TrimSpace(strings.TrimPrefix(d.Message, "error: "))
		if d.URN != "" && !strings.Contains(text, d.URN) {
			text = nameOf(d.URN) + ": " + text
		}
		said = append(said, text)
	}
	if p.MaybeCorrupt {
		said = append(said, "the engine says that the state may be corrupt; see: pulumi state repair")
	}
	slices.Sort(said)
	return strings.Join(slices.Compact(said), "\n")
}

// limits says what the preview cannot show.
func (p *preview) limits() []string {
	same := 0
	for _, s := range p.Steps {
		if s.Op == "same" {
			same++
		}
	}
	// The stack itself is shown always.
	if p.ChangeSummary["same"] > same && same <= 1 {
		return []string{"The preview was made without `--show-sames`: a protection that is taken off a resource, which changes nothing else, does not show."}
	}
	return nil
}

// site finds country and kind of operator in the site that the preview was made of.
func (p *preview) site() (country, operator string) {
	var site struct {
		Country  string `json:"country"`
		Operator struct {
			Kind string `json:"kind"`
		} `json:"operator"`
	}
	if json.Unmarshal([]byte(p.Config["lagrum:site"]), &site) != nil {
		return "", ""
	}
	return site.Country, site.Operator.Kind
}

// existed tells whether the stack had resources before.
func (p *preview) existed() bool {
	return slices.ContainsFunc(p.Steps, func(s step) bool { return s.OldState != nil && typeOf(s.URN) != "pulumi:pulumi:Stack" })
}

// typeOf and nameOf take a URN apart: urn:pulumi:<stack>::<project>::<parents' types>$<type>::<name>.
func typeOf(urn string) string {
	parts := strings.SplitN(urn, "::", 4)
	if len(parts) < 4 || !strings.HasPrefix(urn, "urn:pulumi:") {
		return ""
	}
	return parts[2][strings.LastIndex(parts[2], "$")+1:]
}

func nameOf(urn string) string {
	parts := strings.SplitN(urn, "::", 4)
	return parts[len(parts)-1]
}

// What takes the place of a value. Two secrets with the same digest are the same value; the digest is never printed.
type secret struct{ digest string }

const (
	secretText     = "[secret]" // the engine's own mask
	secretKey      = "4dabf18193072939515e22adb298388d"
	unknownText    = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
	unknownAssets  = "[unknown]"
	afterTheUpdate = "known after the update"
)

var (
	// secretName finds keys whose text is a secret even where the program forgot to say so.
	secretName = regexp.MustCompile(`(?i)(passw|passphrase|secret|token|private_?key|kubeconfig|credential|user_?data)`)
	// harmlessName takes back those that name a secret and do not hold one.
	harmlessName = regexp.MustCompile(`(?i)(name|names|namespace|ref|arn|type|version|path|ttl|days|hours|id)$`)
	// privateKey finds keys wherever they stand.
	privateKey = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`)
)

func hideKeys(text string) string { return privateKey.ReplaceAllString(text, secretText) }

// hide replaces every secret of a state: those that the engine masked, those that a serialised state would carry, and
// those that only their names or their text give away.
func (s *state) hide(resourceType string) {
	if s == nil {
		return
	}
	for k, v := range s.Inputs {
		all := slices.Contains(s.AdditionalSecretOutputs, k) ||
			resourceType == "kubernetes:core/v1:Secret" && (k == "data" || k == "stringData")
		s.Inputs[k] = hide(k, v, all)
	}
}

func hide(key string, v any, all bool) any {
	switch v := v.(type) {
	case map[string]any:
		if v[secretKey] != nil {
			return secret{digest: fmt.Sprint(v)}
		}
		for k, e := range v {
			v[k] = hide(k, e, all)
		}
		return v
	case []any:
		for i, e := range v {
			v[i] = hide(key, e, all)
		}
		return v
	case string:
		named := secretName.MatchString(key) && !harmlessName.MatchString(key)
		switch {
		case v == unknownText || v == unknownAssets || v == "":
			return v
		case all || named || v == secretText || privateKey.MatchString(v):
			return secret{digest: v}
		}
		return v
	default:
		if all && v != nil {
			return secret{digest: fmt.Sprint(v)}
		}
		return v
	}
}
