// Package random is the lab's stand-in for the resource plugin of pulumi-random: random bytes, ids, strings and passwords from crypto/rand. It
// serves these four types and is not the official plugin, which takes its place wherever that is installed.
//
// Names, defaults, replacement rules and outputs are those of pulumi-random v4.18.0 (terraform-provider-random v3; its documentation:
// registry.terraform.io/providers/hashicorp/random), with one difference on purpose: the official plugin uses the base64 of RandomBytes as the
// resource's id, and an id is never secret, so there the bytes stand in the state in clear. Here the id is their SHA-256.
//
// The boundary: this package knows random values; package standin knows the engine.
package random

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"

	"github.com/lagrum/lagrum/lab/plugins/standin"
)

// version is the one of the SDK in go.mod.
const version = "4.18.0"

// Main serves the stand-in to the engine that started this process; args are the arguments without the program's name.
func Main(args []string) error {
	return standin.Serve(args, newProvider())
}

func newProvider() *standin.StateOnly {
	return standin.NewStateOnly(standin.NewBase("random", version), map[tokens.Type]standin.Kind{
		"random:index/randomBytes:RandomBytes":       randomBytes(),
		"random:index/randomId:RandomId":             randomID(),
		"random:index/randomString:RandomString":     randomString(),
		"random:index/randomPassword:RandomPassword": randomPassword(),
	})
}

// bytesInputs are the inputs of random bytes. A changed keeper makes new ones.
type bytesInputs struct {
	Length  int               `json:"length"`
	Keepers map[string]string `json:"keepers"`
}

func randomBytes() standin.Kind {
	return standin.Kind{
		Required: []resource.PropertyKey{"length"},
		Check: func(known resource.PropertyMap) []plugin.CheckFailure {
			var in bytesInputs
			if err := standin.Decode(known, &in); err != nil {
				return []plugin.CheckFailure{{Reason: err.Error()}}
			}
			return atLeastOne(known, "length", in.Length)
		},
		Create: func(_ context.Context, _ resource.URN, inputs resource.PropertyMap) (resource.ID, resource.PropertyMap, error) {
			var in bytesInputs
			if err := standin.Decode(inputs, &in); err != nil {
				return "", nil, err
			}
			data, err := generate(in.Length)
			if err != nil {
				return "", nil, err
			}
			sum := sha256.Sum256(data)
			return resource.ID(hex.EncodeToString(sum[:])), resource.PropertyMap{
				"base64": resource.NewProperty(base64.StdEncoding.EncodeToString(data)),
				"hex":    resource.NewProperty(hex.EncodeToString(data)),
			}, nil
		},
		Computed: []resource.PropertyKey{"base64", "hex"},
		Secret:   []resource.PropertyKey{"base64", "hex"},
	}
}

// idInputs are the inputs of a random id. The prefix stands before every output but not in the resource's id.
type idInputs struct {
	ByteLength int               `json:"byteLength"`
	Keepers    map[string]string `json:"keepers"`
	Prefix     string            `json:"prefix"`
}

func randomID() standin.Kind {
	return standin.Kind{
		Required: []resource.PropertyKey{"byteLength"},
		Check: func(known resource.PropertyMap) []plugin.CheckFailure {
			var in idInputs
			if err := standin.Decode(known, &in); err != nil {
				return []plugin.CheckFailure{{Reason: err.Error()}}
			}
			return atLeastOne(known, "byteLength", in.ByteLength)
		},
		Create: func(_ context.Context, _ resource.URN, inputs resource.PropertyMap) (resource.ID, resource.PropertyMap, error) {
			var in idInputs
			if err := standin.Decode(inputs, &in); err != nil {
				return "", nil, err
			}
			data, err := generate(in.ByteLength)
			if err != nil {
				return "", nil, err
			}
			id := base64.RawURLEncoding.EncodeToString(data)
			return resource.ID(id), resource.PropertyMap{
				"b64Std": resource.NewProperty(in.Prefix + base64.StdEncoding.EncodeToString(data)),
				"b64Url": resource.NewProperty(in.Prefix + id),
				"dec":    resource.NewProperty(in.Prefix + new(big.Int).SetBytes(data).String()),
				"hex":    resource.NewProperty(in.Prefix + hex.EncodeToString(data)),
			}, nil
		},
		Computed: []resource.PropertyKey{"b64Std", "b64Url", "dec", "hex"},
	}
}

func generate(length int) ([]byte, error) {
	data := make([]byte, length)
	if _, err := rand.Read(data); err != nil {
		return nil, fmt.Errorf("generate %d random bytes: %w", length, err)
	}
	return data, nil
}

// atLeastOne reports a length below 1, if it is known.
func atLeastOne(known resource.PropertyMap, key resource.PropertyKey, length int) []plugin.CheckFailure {
	if _, ok := known[key]; !ok || length >= 1 {
		return nil
	}
	return []plugin.CheckFailure{{Property: key, Reason: fmt.Sprintf("%d is too short; want at least 1", length)}}
}
