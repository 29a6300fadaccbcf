package site_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/lagrum/lagrum/stacks/site"
)

// value is what every type of value can do.
type value interface {
	fmt.Stringer
	IsZero() bool
	MarshalText() ([]byte, error)
}

func TestValues(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		parse   func(string) (value, error)
		legal   []string
		illegal []string
	}{
		{
			"Text", parser[site.Text],
			[]string{"x", "Västra Götaland", strings.Repeat("å", 200)},
			[]string{"", "  ", "a\nb", "a\u00a0b", "a\ufeffb", "\xff", strings.Repeat("å", 201)},
		},
		{"Name", parser[site.Name], []string{"a", "cp", "a-1", strings.Repeat("a", 63)}, []string{"", "A", "1a", "-a", "a-", "a.b", "a_b", strings.Repeat("a", 64)}},
		{
			"Domain", parser[site.Domain],
			[]string{"cluster.local", "local", "1.example.org"},
			[]string{"", ".", "a.", ".a", "a..b", "A.b", "a b", strings.Repeat("a", 64) + ".b", strings.Repeat("a.", 127) + "a"},
		},
		{"Country", parser[site.Country], []string{"se", "dk", "no", "zw", "ad"}, []string{"", "xx", "SE", "uk", "e ", " s", "swe", "s"}},
		{"Region", parser[site.Region], []string{"eu-north-1", "RegionOne", "sto_1.a"}, []string{"", "-a", "a b", "å", strings.Repeat("a", 64)}},
		{"Zone", parser[site.Zone], []string{"a", "nova", "eu-north-1a"}, []string{"", "-a", "a b", "a,b"}},
		{"Version", parser[site.Version], []string{"v1.36.3"}, []string{"", "1.36.3", "v1.36", "v1.36.3 ", "v1.37.0"}},
		{
			"CIDR", parser[site.CIDR],
			[]string{"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1/32", "2001:db8::/32"},
			[]string{"", "10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "::ffff:10.0.0.0/104", "fe80::%a/64", "10.0.0.0/08"},
		},
		{"Duration", parser[site.Duration], []string{"1s", "10m", "24h", "99999d"}, []string{"", "0s", "01h", "1w", "1.5h", "1h30m", "-1h", "100000d", "24"}},
		{"Days", parser[site.Days], []string{"1", "36525"}, []string{"", "0", "-1", "36526", "1.0", "1d"}},
		{"Date", parser[site.Date], []string{"2027-06-30", "2028-02-29"}, []string{"", "2027-02-29", "2027-6-30", "30.6.2027", "2027-06-30T00:00:00Z"}},
		{
			"Email", parser[site.Email],
			[]string{"a@b.se", "on-call+1@sub.example.org"},
			[]string{"", "a", "a@b", "a@b.", "a b@c.se", "A <a@b.se>", "a@b.se,c@d.se", "å@b.se", `"a b"@c.se`, "a@[192.0.2.1]"},
		},
		{"Phone", parser[site.Phone], []string{"+46101234567"}, []string{"", "0101234567", "+46 10 123", "+0123456789", "+1234567890123456"}},
		{
			"URL", parser[site.URL],
			[]string{"https://a.b", "https://a.b:5000/v3", "ldaps://a.b"},
			[]string{"", "a.b", "http://a.b", "https://", "https://u@a.b", "https://u:p@a.b", "https://a.b?c", "https://a.b/?", "https://a.b#", "https://å.se", "https://a b"},
		},
		{
			"Registry", parser[site.Registry],
			[]string{"registry.lab.lagrum", "localhost:5000", "registry.example.org/a/b-c"},
			[]string{"", "https://a.b", "a.b/", "A.b", "a.b:0", "a.b/C", "a.b//c", "a.b:tag/c"},
		},
		{"Account", parser[site.Account], []string{"123456789012", "012345678901"}, []string{"", "12345678901", "1234567890123", "abcdefghijkl"}},
		{"RequirementID", parser[site.RequirementID], []string{"SE-PDL-3-17", "ISO-A.8.20", "SE-HSLF-3-16..17"}, []string{"", "se-pdl", "SE PDL", "S"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, text := range tt.legal {
				v, err := tt.parse(text)
				require.NoError(t, err, text)
				assert.False(t, v.IsZero(), text)
				assert.Equal(t, text, v.String())
				back, err := v.MarshalText()
				require.NoError(t, err)
				assert.Equal(t, text, string(back))
			}
			for _, text := range tt.illegal {
				v, err := tt.parse(text)
				var malformed *site.Malformed
				require.ErrorAs(t, err, &malformed, "%q", text)
				assert.NotEmpty(t, malformed.Reason)
				assert.NotEmpty(t, malformed.Remedy)
				assert.True(t, v.IsZero(), "%q", text)
			}
		})
	}
}

func parser[V value, P interface {
	*V
	UnmarshalText([]byte) error
}](text string) (value, error) {
	v, err := site.Parse[V, P](text)
	return v, err
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	_, err := site.Parse[site.Country]("xx")
	assert.EqualError(t, err, `"xx" is not a country; write its two letters of ISO 3166-1 in lower case, e.g. se`)
	_, err = site.Parse[site.Environment]("live")
	assert.EqualError(t, err, `"live" is not an environment; use one of: dev, test, prod, dr`)
}

func TestCountries(t *testing.T) {
	t.Parallel()
	all := 0
	for a := 'a'; a <= 'z'; a++ {
		for b := 'a'; b <= 'z'; b++ {
			if _, err := site.Parse[site.Country](string(a) + string(b)); err == nil {
				all++
			}
		}
	}
	assert.Equal(t, 249, all, "ISO 3166-1 has assigned 249 codes")
}

func TestAccessors(t *testing.T) {
	t.Parallel()
	assert.Equal(t, netip.MustParsePrefix("10.0.0.0/8"), parse[site.CIDR](t, "10.0.0.0/8").Prefix())
	assert.False(t, site.CIDR{}.Prefix().IsValid())
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "10m": 10 * time.Minute, "24h": 24 * time.Hour, "7d": 168 * time.Hour} {
		assert.Equal(t, want, parse[site.Duration](t, text).Std(), text)
	}
	assert.Positive(t, parse[site.Duration](t, "99999d").Std(), "no overflow")
	assert.Zero(t, site.Duration{}.Std())
	assert.Equal(t, 1827, parse[site.Days](t, "1827").Int())
	assert.Zero(t, site.Days{}.Int())
	assert.Equal(t, "trimmed", parse[site.Text](t, " trimmed ").String())
}

func TestDatePassed(t *testing.T) {
	t.Parallel()
	day := parse[site.Date](t, "2027-06-30")
	assert.Equal(t, time.Date(2027, 6, 30, 0, 0, 0, 0, time.UTC), day.Time())
	assert.False(t, day.Passed(time.Date(2027, 6, 30, 23, 59, 59, 0, time.UTC)), "the last day counts")
	assert.True(t, day.Passed(time.Date(2027, 7, 1, 0, 0, 0, 0, time.UTC)))
}

func TestValuesInYAMLAndJSON(t *testing.T) {
	t.Parallel()
	type pair struct {
		Country site.Country `json:"country" yaml:"country"`
		Days    site.Days    `json:"days" yaml:"days"`
	}
	want := pair{parse[site.Country](t, "no"), parse[site.Days](t, "366")}
	asJSON, err := json.Marshal(want)
	require.NoError(t, err)
	assert.Equal(t, `{"country":"no","days":366}`, string(asJSON))
	asYAML, err := yaml.Marshal(want)
	require.NoError(t, err)
	assert.Equal(t, "country: \"no\"\ndays: 366\n", string(asYAML), "no is a truth value to old readers of YAML")
	var back pair
	require.NoError(t, json.Unmarshal(asJSON, &back))
	assert.Equal(t, want, back)
	assert.Error(t, json.Unmarshal([]byte(`{"country":"xx"}`), &back))
	assert.Error(t, json.Unmarshal([]byte(`{"days":0}`), &back))
}

func TestSecretShowsNothing(t *testing.T) {
	t.Parallel()
	secret := site.NewSecret("hunter2")
	type inner struct{ hidden site.Secret }
	asJSON, err := json.Marshal(map[string]any{"a": secret, "b": site.Secrets{"c": secret}})
	require.NoError(t, err)
	asYAML, err := yaml.Marshal(site.Secrets{"c": secret})
	require.NoError(t, err)
	shown := []string{string(asJSON), string(asYAML), secret.String(), secret.GoString()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%10s"} {
		shown = append(shown,
			fmt.Sprintf(verb, secret), fmt.Sprintf(verb, &secret), fmt.Sprintf(verb, site.Secrets{"c": secret}), fmt.Sprintf(verb, inner{secret}))
	}
	for _, text := range shown {
		assert.NotContains(t, text, "hunter2")
		assert.NotContains(t, text, "68756e74", "in hexadecimal")
	}
	assert.JSONEq(t, `{"a":"[secret]","b":{"c":"[secret]"}}`, string(asJSON))
	assert.Equal(t, "c: '[secret]'\n", string(asYAML))
	assert.Equal(t, "[secret]", fmt.Sprintf("%#v", secret))
	assert.Equal(t, "hunter2", secret.Reveal())
	assert.Empty(t, site.Secret{}.Reveal())
}
