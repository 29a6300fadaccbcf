package cluster

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const server = "https://10.20.0.2:6443"

func TestAwaitAPI(t *testing.T) {
	t.Parallel()
	refused := errors.New("connection refused")
	for _, row := range []struct {
		name    string
		answers func(asked int) error // of the nth probe, from 1
		elapsed time.Duration
		err     string
		last    string
	}{
		{
			name:    "at once",
			answers: func(int) error { return nil },
			last:    "the API at https://10.20.0.2:6443 answers after 0s",
		},
		{
			name: "after 40 s",
			answers: func(asked int) error {
				if asked <= 20 {
					return refused
				}
				return nil
			},
			elapsed: 40 * time.Second,
			last:    "the API at https://10.20.0.2:6443 answers after 40s",
		},
		{
			name:    "never",
			answers: func(int) error { return refused },
			elapsed: 15 * time.Minute,
			err:     "the API at https://10.20.0.2:6443 did not answer within 15m0s: connection refused",
			last:    "waiting for the API at https://10.20.0.2:6443, 14m56s of at most 15m0s: connection refused",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				asked, started := 0, time.Now()
				var reports []string
				err := awaitAPI(t.Context(), func(_ context.Context, got string, ca []byte) error {
					asked++
					assert.Equal(t, server, got)
					assert.Equal(t, "PEM", string(ca))
					return row.answers(asked)
				}, server, []byte("PEM"), func(message string) { reports = append(reports, message) })

				if row.err == "" {
					require.NoError(t, err)
				} else {
					require.EqualError(t, err, row.err)
				}
				assert.Equal(t, row.elapsed, time.Since(started))
				require.NotEmpty(t, reports)
				assert.Equal(t, row.last, reports[len(reports)-1])
			})
		})
	}
}

// A user who waits must hear something, and not a line for every question.
func TestAwaitAPIReportsEvery15Seconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		var at []time.Duration
		_ = awaitAPI(t.Context(), func(context.Context, string, []byte) error {
			if time.Since(started) > time.Minute {
				return nil
			}
			return errors.New("refused")
		}, server, nil, func(string) { at = append(at, time.Since(started)) })
		assert.Equal(t, []time.Duration{16 * time.Second, 32 * time.Second, 48 * time.Second, 62 * time.Second}, at)
	})
}

func TestAwaitAPIBoundsEachQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		started, asked := time.Now(), 0
		err := awaitAPI(t.Context(), func(ctx context.Context, _ string, _ []byte) error {
			if asked++; asked > 1 {
				return nil
			}
			<-ctx.Done() // a server that never answers
			return ctx.Err()
		}, server, nil, func(string) {})
		require.NoError(t, err)
		assert.Equal(t, 12*time.Second, time.Since(started))
	})
}

func TestAwaitAPIStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	err := awaitAPI(ctx, func(context.Context, string, []byte) error {
		cancel()
		return errors.New("refused")
	}, server, nil, func(string) {})
	require.EqualError(t, err, "waiting for the API at https://10.20.0.2:6443: context canceled")
}

func TestAwaitAPIWithoutProber(t *testing.T) {
	t.Parallel()
	err := awaitAPI(t.Context(), nil, server, nil, func(string) {})
	require.EqualError(t, err, "no prober: Args.Prober must be set, e.g. to cluster.ProbeReadyz")
}

func TestProbeReadyz(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, path, body string
		status           int
		err              string
	}{
		{"ready", "/readyz", "ok", 200, ""},
		{"not yet", "/readyz", "[+]ping ok\n[-]etcd failed: reason withheld\n[-]poststarthook/rbac failed: reason withheld\nreadyz check failed\n", 500,
			"readyz: status 500 Internal Server Error: etcd failed: reason withheld, poststarthook/rbac failed: reason withheld"},
		{"another server", "/readyz", "no such page\n", 404, "readyz: status 404 Not Found: no such page"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			api := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, row.path, r.URL.Path)
				w.WriteHeader(row.status)
				_, _ = w.Write([]byte(row.body))
			}))
			defer api.Close()
			ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})
			err := ProbeReadyz(t.Context(), api.URL, ca)
			if row.err == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, row.err)
			}
		})
	}
}

// Whoever sits at the address without the cluster's authority is not the cluster, whatever it answers.
func TestProbeReadyzTrustsTheDeclaredAuthorityAlone(t *testing.T) {
	t.Parallel()
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok"))
	}))
	api.Config.ErrorLog = nil
	api.StartTLS()
	defer api.Close()

	require.ErrorContains(t, ProbeReadyz(t.Context(), api.URL, otherAuthority(t)), "certificate signed by unknown authority")
	require.EqualError(t, ProbeReadyz(t.Context(), api.URL, []byte("x")), "the cluster's authority is not a PEM certificate")
}
