package rights

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Request is what somebody asks of a store, as far as policies look at it.
type Request struct {
	Action   string
	Resource string // ARN
	// Context by condition key; a key that is absent fulfils no condition but Null and the negated ones.
	Context map[string]string
}

// Decision is what policies say of a request.
type Decision string

// The decisions. Silence is a refusal, unless another policy allows.
const (
	Allowed Decision = "allowed"
	Denied  Decision = "denied"
	Silent  Decision = "silent"
)

// Evaluate decides a request by a policy's text, in the way that IAM documents: a denial outweighs every permission. It
// knows the operators that policies here use and fails on any other, so that no test passes by not understanding.
func Evaluate(policy string, r Request) (Decision, error) {
	var parsed struct{ Statement []raw }
	d := json.NewDecoder(strings.NewReader(policy))
	if err := d.Decode(&parsed); err != nil {
		return "", fmt.Errorf("policy: %w", err)
	}
	decided := Silent
	for _, s := range parsed.Statement {
		if s.NotAction != nil || s.NotResource != nil || s.NotPrincipal != nil {
			return "", fmt.Errorf("policy: statement %q: not understood: NotAction, NotResource, NotPrincipal", s.Sid)
		}
		applies, err := s.applies(r)
		if err != nil {
			return "", fmt.Errorf("policy: statement %q: %w", s.Sid, err)
		}
		switch {
		case !applies:
		case s.Effect == deny:
			return Denied, nil
		case s.Effect == allow:
			decided = Allowed
		default:
			return "", fmt.Errorf("policy: statement %q: effect %q", s.Sid, s.Effect)
		}
	}
	return decided, nil
}

// raw is a statement as anybody may write it.
type raw struct {
	Sid, Effect                          string
	NotAction, NotResource, NotPrincipal json.RawMessage
	Action, Resource                     texts
	Condition                            map[string]map[string]texts
}

// texts are one text, or a list of them.
type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

func (s raw) applies(r Request) (bool, error) {
	if !s.Action.match(strings.ToLower(r.Action), strings.ToLower) || !s.Resource.match(r.Resource, func(t string) string { return t }) {
		return false, nil
	}
	for operator, keys := range s.Condition {
		for key, wanted := range keys {
			given, present := r.Context[key]
			holds, err := condition(operator, given, present, wanted)
			if err != nil || !holds {
				return false, err
			}
		}
	}
	return true, nil
}

func (t texts) match(text string, normal func(string) string) bool {
	return slices.ContainsFunc(t, func(pattern string) bool { return like(normal(pattern), text) })
}

// like matches * and ? over everything, slashes too.
func like(pattern, text string) bool {
	flat := strings.NewReplacer("/", "\x00", "[", "\x01", "\\", "\x02")
	matched, err := path.Match(flat.Replace(pattern), flat.Replace(text))
	return err == nil && matched
}

func condition(operator, given string, present bool, wanted texts) (bool, error) {
	among := slices.Contains(wanted, given)
	switch operator {
	case "Bool", "StringEquals":
		return present && among, nil
	case "StringNotEquals":
		return !present || !among, nil
	case "ArnNotEquals":
		return !present || !wanted.match(given, func(t string) string { return t }), nil
	case "Null":
		return fmt.Sprint(!present) == wanted[0], nil
	case "NumericGreaterThan":
		if !present {
			return false, nil
		}
		have, err := strconv.Atoi(given)
		if err != nil {
			return false, err
		}
		bound, err := strconv.Atoi(wanted[0])
		return have > bound, err
	case "NumericLessThan":
		return present && given < wanted[0], nil // versions of TLS: one digit, a dot, one digit
	}
	return false, fmt.Errorf("condition %q is not understood", operator)
}
