package random

import (
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

const (
	bytesType    tokens.Type = "random:index/randomBytes:RandomBytes"
	idType       tokens.Type = "random:index/randomId:RandomId"
	stringType   tokens.Type = "random:index/randomString:RandomString"
	passwordType tokens.Type = "random:index/randomPassword:RandomPassword"
)

func urnOf(token tokens.Type) resource.URN {
	return resource.NewURN("dev", "project", "", token, "name")
}

// create checks and creates like the engine does.
func create(t *testing.T, token tokens.Type, inputs map[string]any) plugin.CreateResponse {
	t.Helper()
	p := newProvider()
	checked, err := p.Check(t.Context(), plugin.CheckRequest{
		URN: urnOf(token), Type: token, News: resource.NewPropertyMapFromMap(inputs),
	})
	require.NoError(t, err)
	require.Empty(t, checked.Failures)
	created, err := p.Create(t.Context(), plugin.CreateRequest{URN: urnOf(token), Type: token, Properties: checked.Properties})
	require.NoError(t, err)
	return created
}

func secret(t *testing.T, created plugin.CreateResponse, key resource.PropertyKey) string {
	t.Helper()
	require.True(t, created.Properties[key].IsSecret(), "output %s is secret", key)
	return created.Properties[key].SecretValue().Element.StringValue()
}

func TestBytes(t *testing.T) {
	t.Parallel()
	created := create(t, bytesType, map[string]any{"length": 32, "keepers": map[string]any{"a": "b"}})
	data, err := base64.StdEncoding.DecodeString(secret(t, created, "base64"))
	require.NoError(t, err)
	assert.Len(t, data, 32)
	assert.Equal(t, hex.EncodeToString(data), secret(t, created, "hex"))
	assert.NotContains(t, string(created.ID), secret(t, created, "hex"))
	assert.NotContains(t, string(created.ID), secret(t, created, "base64"), "an id is never secret")
	assert.Regexp(t, "^[0-9a-f]{64}$", string(created.ID))
	assert.Equal(t, 32.0, created.Properties["length"].NumberValue())
	again := create(t, bytesType, map[string]any{"length": 32})
	assert.NotEqual(t, secret(t, created, "hex"), secret(t, again, "hex"))
}

func TestID(t *testing.T) {
	t.Parallel()
	created := create(t, idType, map[string]any{"byteLength": 9, "prefix": "p-"})
	output := func(key resource.PropertyKey) string {
		value, found := strings.CutPrefix(created.Properties[key].StringValue(), "p-")
		require.True(t, found, "output %s", key)
		return value
	}
	data, err := hex.DecodeString(output("hex"))
	require.NoError(t, err)
	assert.Len(t, data, 9)
	assert.Equal(t, base64.StdEncoding.EncodeToString(data), output("b64Std"))
	assert.Equal(t, base64.RawURLEncoding.EncodeToString(data), output("b64Url"))
	assert.Equal(t, new(big.Int).SetBytes(data).String(), output("dec"))
	assert.Equal(t, output("b64Url"), string(created.ID))
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		inputs  map[string]any
		pattern string
	}{
		{"defaults", map[string]any{"length": 200}, `^[a-zA-Z0-9!@#$%&*()\-_=+\[\]{}<>:?]{200}$`},
		{"digits only", map[string]any{"length": 50, "lower": false, "upper": false, "special": false}, `^[0-9]{50}$`},
		{"own special characters", map[string]any{"length": 50, "lower": false, "upper": false, "numeric": false, "overrideSpecial": "é/"}, `^[é/]{50}$`},
		{
			"minimum of a class that is off",
			map[string]any{"length": 3, "upper": false, "numeric": false, "special": false, "minNumeric": 3}, `^[0-9]{3}$`,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			created := create(t, stringType, row.inputs)
			result := created.Properties["result"].StringValue()
			assert.Regexp(t, row.pattern, result)
			assert.Equal(t, result, string(created.ID))
		})
	}
}

func TestMinimums(t *testing.T) {
	t.Parallel()
	created := create(t, stringType, map[string]any{"length": 10, "minLower": 2, "minUpper": 3, "minNumeric": 4, "minSpecial": 1})
	count := map[string]int{}
	for _, letter := range created.Properties["result"].StringValue() {
		switch {
		case letter >= 'a' && letter <= 'z':
			count["lower"]++
		case letter >= 'A' && letter <= 'Z':
			count["upper"]++
		case letter >= '0' && letter <= '9':
			count["numeric"]++
		default:
			count["special"]++
		}
	}
	assert.Equal(t, map[string]int{"lower": 2, "upper": 3, "numeric": 4, "special": 1}, count)
}

func TestPassword(t *testing.T) {
	t.Parallel()
	created := create(t, passwordType, map[string]any{"length": 100})
	result := secret(t, created, "result")
	assert.Len(t, result, 100)
	assert.NoError(t, bcrypt.CompareHashAndPassword([]byte(secret(t, created, "bcryptHash")), []byte(result[:72])))
	assert.Equal(t, resource.ID("none"), created.ID)
}

func TestCheckReportsEveryMistake(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		token  tokens.Type
		inputs map[string]any
		want   []plugin.CheckFailure
	}{
		{"no bytes", bytesType, map[string]any{"length": 0}, []plugin.CheckFailure{{Property: "length", Reason: "0 is too short; want at least 1"}}},
		{"bytes without length", bytesType, nil, []plugin.CheckFailure{{Property: "length", Reason: "is required; set it"}}},
		{"no id", idType, map[string]any{"byteLength": -1}, []plugin.CheckFailure{{Property: "byteLength", Reason: "-1 is too short; want at least 1"}}},
		{
			"minimums", stringType, map[string]any{"length": 3, "minLower": 2, "minUpper": 2},
			[]plugin.CheckFailure{{Property: "length", Reason: "3 is too short; want at least the sum of the minimums, 4"}},
		},
		{
			"no characters", passwordType, map[string]any{"length": 3, "lower": false, "upper": false, "numeric": false, "special": false},
			[]plugin.CheckFailure{{Property: "lower", Reason: "no character is allowed; set at least one of lower, upper, numeric and special"}},
		},
		{
			"deprecated name", stringType, map[string]any{"length": 3, "number": false},
			[]plugin.CheckFailure{{Reason: `decode properties: json: unknown field "number"`}},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			response, err := newProvider().Check(t.Context(), plugin.CheckRequest{
				URN: urnOf(row.token), Type: row.token, News: resource.NewPropertyMapFromMap(row.inputs),
			})
			require.NoError(t, err)
			assert.Equal(t, row.want, response.Failures)
		})
	}
}

func TestKeepersReplace(t *testing.T) {
	t.Parallel()
	p := newProvider()
	created := create(t, bytesType, map[string]any{"length": 8, "keepers": map[string]any{"a": "b"}})
	old := resource.NewPropertyMapFromMap(map[string]any{"length": 8, "keepers": map[string]any{"a": "b"}})
	for _, row := range []struct {
		name  string
		value string
		want  bool
	}{{"same", "b", false}, {"changed", "c", true}} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			inputs := resource.NewPropertyMapFromMap(map[string]any{"length": 8, "keepers": map[string]any{"a": row.value}})
			diff, err := p.Diff(t.Context(), plugin.DiffRequest{
				URN: urnOf(bytesType), Type: bytesType, OldInputs: old, OldOutputs: created.Properties, NewInputs: inputs,
			})
			require.NoError(t, err)
			assert.Equal(t, row.want, diff.Replace())
		})
	}
}

func TestPreviewIsUnknown(t *testing.T) {
	t.Parallel()
	unknown := resource.MakeComputed(resource.NewProperty(""))
	created, err := newProvider().Create(t.Context(), plugin.CreateRequest{
		URN: urnOf(bytesType), Type: bytesType, Properties: resource.PropertyMap{"length": unknown}, Preview: true,
	})
	require.NoError(t, err)
	assert.Empty(t, created.ID)
	assert.Equal(t, resource.MakeSecret(unknown), created.Properties["base64"])
	assert.Equal(t, resource.MakeSecret(unknown), created.Properties["hex"])
}
