package segmentation_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/evidence/segmentation"
)

const (
	namespaces = `{"items": [{"metadata": {"name": "default"}}, {"metadata": {"name": "a"}}]}`
	closes     = `{"metadata": {"namespace": "a", "name": "any"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}`
)

func TestOpen(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		policies string
		want     []string
	}{
		"a policy that closes":   {closes, []string{"default"}},
		"none":                   {"", []string{"a", "default"}},
		"one way alone":          {strings.Replace(closes, `"Ingress", `, "", 1), []string{"a", "default"}},
		"some pods alone":        {strings.Replace(closes, `{}`, `{"matchLabels": {"app": "x"}}`, 1), []string{"a", "default"}},
		"pods by an expression":  {strings.Replace(closes, `{}`, `{"matchExpressions": [{"key": "app", "operator": "Exists"}]}`, 1), []string{"a", "default"}},
		"one that opens as well": {strings.Replace(closes, `"podSelector"`, `"egress": [{}], "podSelector"`, 1), []string{"a", "default"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := segmentation.Open([]byte(namespaces), []byte(`{"items": [`+row.policies+`]}`))
			require.NoError(t, err)
			assert.Equal(t, row.want, got)
		})
	}
}

// What cannot be read is no closed cluster.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, row := range [][2]string{{"", "{}"}, {"{}", "{}"}, {namespaces, "error"}} {
		_, err := segmentation.Open([]byte(row[0]), []byte(row[1]))
		assert.Error(t, err, row)
	}
}
