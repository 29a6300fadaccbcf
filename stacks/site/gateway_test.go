package site_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/site"
)

// Nobody reaches the lab from the Internet.
func TestTheLabsGatewayIsNotPublic(t *testing.T) {
	t.Parallel()
	text := yamlOf(t, site.ExampleDev())
	without := text[:indexOf(t, text, "gateway:")] + text[indexOf(t, text, "identity:"):]
	_, _, err := site.Load([]byte(without + "gateway: {public: true, sources: [192.0.2.0/24]}\n"))
	require.EqualError(t, err, `gateway.public: "true" has no meaning in the lab, which has no way to the Internet; take it out`)
}

func indexOf(t *testing.T, text, part string) int {
	t.Helper()
	require.Contains(t, text, part)
	return strings.Index(text, part)
}
