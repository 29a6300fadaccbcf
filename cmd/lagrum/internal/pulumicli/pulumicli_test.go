package pulumicli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProviderKubeconfig(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, state, want, err string }{
		{
			name: "secret",
			state: `{"deployment":{"resources":[{"type":"other","inputs":{"kubeconfig":"x"}},{"type":"pulumi:providers:kubernetes","inputs":` +
				`{"kubeconfig":{"4dabf18193072939515e22adb298388d":"1b47061264138c4ac30d75fd1eb44270","plaintext":"\"apiVersion: v1\\n\""}}}]}}`,
			want: "apiVersion: v1\n",
		},
		{
			name:  "plain",
			state: `{"deployment":{"resources":[{"type":"pulumi:providers:kubernetes","inputs":{"kubeconfig":"apiVersion: v1"}}]}}`,
			want:  "apiVersion: v1",
		},
		{name: "no cluster yet", state: `{"deployment":{"resources":[]}}`, err: "its state holds no Kubernetes provider yet"},
		{name: "no state", state: `{`, err: "exported state: unexpected end of JSON input"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, err := providerKubeconfig([]byte(row.state))
			if row.err != "" {
				require.EqualError(t, err, row.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, row.want, got)
		})
	}
}
