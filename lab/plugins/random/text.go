package random

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"

	"golang.org/x/crypto/bcrypt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/lagrum/lagrum/lab/plugins/standin"
)

// bcryptLimit is how many bytes bcrypt looks at; a longer password is hashed up to there.
const bcryptLimit = 72

// textInputs are the inputs of random strings and passwords. The deprecated input number is not served: it is called numeric.
type textInputs struct {
	Keepers         map[string]string `json:"keepers"`
	Length          int               `json:"length"`
	Lower           bool              `json:"lower"`
	MinLower        int               `json:"minLower"`
	Upper           bool              `json:"upper"`
	MinUpper        int               `json:"minUpper"`
	Numeric         bool              `json:"numeric"`
	MinNumeric      int               `json:"minNumeric"`
	Special         bool              `json:"special"`
	MinSpecial      int               `json:"minSpecial"`
	OverrideSpecial string            `json:"overrideSpecial"`
}

// class is a set of characters, how many of them there must be, and whether the rest may be drawn from it as well. Upstream draws the minimum
// even from a class that is switched off.
type class struct {
	letters string
	minimum int
	allowed bool
}

func (in textInputs) classes() []class {
	special := "!@#$%&*()-_=+[]{}<>:?"
	if in.OverrideSpecial != "" {
		special = in.OverrideSpecial
	}
	return []class{
		{"abcdefghijklmnopqrstuvwxyz", in.MinLower, in.Lower},
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", in.MinUpper, in.Upper},
		{"0123456789", in.MinNumeric, in.Numeric},
		{special, in.MinSpecial, in.Special},
	}
}

func randomString() standin.Kind {
	yes, zero := resource.NewProperty(true), resource.NewProperty(0.0)
	return standin.Kind{
		Required: []resource.PropertyKey{"length"},
		Defaults: resource.PropertyMap{
			"lower": yes, "upper": yes, "numeric": yes, "special": yes,
			"minLower": zero, "minUpper": zero, "minNumeric": zero, "minSpecial": zero,
		},
		Check: checkText,
		Create: func(_ context.Context, _ resource.URN, inputs resource.PropertyMap) (resource.ID, resource.PropertyMap, error) {
			text, err := createText(inputs)
			if err != nil {
				return "", nil, err
			}
			return resource.ID(text), resource.PropertyMap{"result": resource.NewProperty(text), "number": inputs["numeric"]}, nil
		},
		Computed: []resource.PropertyKey{"number", "result"},
	}
}

// randomPassword is a random string that is secret and has a bcrypt hash. Its id is the word none, as upstream's is.
func randomPassword() standin.Kind {
	kind := randomString()
	kind.Create = func(_ context.Context, _ resource.URN, inputs resource.PropertyMap) (resource.ID, resource.PropertyMap, error) {
		text, err := createText(inputs)
		if err != nil {
			return "", nil, err
		}
		hash, err := bcrypt.GenerateFromPassword([]byte(text)[:min(len(text), bcryptLimit)], bcrypt.DefaultCost)
		if err != nil {
			return "", nil, fmt.Errorf("hash the password: %w", err)
		}
		return "none", resource.PropertyMap{
			"result":     resource.NewProperty(text),
			"bcryptHash": resource.NewProperty(string(hash)),
			"number":     inputs["numeric"],
		}, nil
	}
	kind.Computed = []resource.PropertyKey{"bcryptHash", "number", "result"}
	kind.Secret = []resource.PropertyKey{"bcryptHash", "result"}
	return kind
}

func checkText(known resource.PropertyMap) []plugin.CheckFailure {
	var in textInputs
	if err := standin.Decode(known, &in); err != nil {
		return []plugin.CheckFailure{{Reason: err.Error()}}
	}
	failures := atLeastOne(known, "length", in.Length)
	if _, ok := known["length"]; !ok {
		return failures
	}
	sum, letters := 0, 0
	for _, c := range in.classes() {
		sum += c.minimum
		if c.allowed {
			letters += len(c.letters)
		}
	}
	if sum > in.Length {
		failures = append(failures, plugin.CheckFailure{
			Property: "length", Reason: fmt.Sprintf("%d is too short; want at least the sum of the minimums, %d", in.Length, sum),
		})
	}
	if letters == 0 && sum < in.Length {
		failures = append(failures, plugin.CheckFailure{
			Property: "lower", Reason: "no character is allowed; set at least one of lower, upper, numeric and special",
		})
	}
	return failures
}

// createText draws the minimum from each class and the rest from all that are allowed, then shuffles.
func createText(inputs resource.PropertyMap) (string, error) {
	var in textInputs
	if err := standin.Decode(inputs, &in); err != nil {
		return "", err
	}
	var text []rune
	var alphabet []rune
	for _, c := range in.classes() {
		for range c.minimum {
			letter, err := pick([]rune(c.letters))
			if err != nil {
				return "", err
			}
			text = append(text, letter)
		}
		if c.allowed {
			alphabet = append(alphabet, []rune(c.letters)...)
		}
	}
	for len(text) < in.Length {
		letter, err := pick(alphabet)
		if err != nil {
			return "", err
		}
		text = append(text, letter)
	}
	for i := len(text) - 1; i > 0; i-- {
		j, err := below(i + 1)
		if err != nil {
			return "", err
		}
		text[i], text[j] = text[j], text[i]
	}
	return string(text), nil
}

func pick(letters []rune) (rune, error) {
	if len(letters) == 0 {
		return 0, fmt.Errorf("no character is allowed; set at least one of lower, upper, numeric and special")
	}
	i, err := below(len(letters))
	if err != nil {
		return 0, err
	}
	return letters[i], nil
}

// below draws a number from 0 up to but without n, each as likely.
func below(n int) (int, error) {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		return 0, fmt.Errorf("draw a random number: %w", err)
	}
	return int(i.Int64()), nil
}
