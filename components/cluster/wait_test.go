package cluster

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log"
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
				err := awaitAPI(t.Context(), func(_ context.Context, got API) error {
					asked++
					assert.Equal(t, API{Server: server, CA: []byte("PEM")}, got)
					return row.answers(asked)
				}, API{Server: server, CA: []byte("PEM")}, func(message string) { reports = append(reports, message) })

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
		_ = awaitAPI(t.Context(), func(context.Context, API) error {
			if time.Since(started) > time.Minute {
				return nil
			}
			return errors.New("refused")
		}, API{Server: server}, func(string) { at = append(at, time.Since(started)) })
		assert.Equal(t, []time.Duration{16 * time.Second, 32 * time.Second, 48 * time.Second, 62 * time.Second}, at)
	})
}

func TestAwaitAPIBoundsEachQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		started, asked := time.Now(), 0
		err := awaitAPI(t.Context(), func(ctx context.Context, _ API) error {
			if asked++; asked > 1 {
				return nil
			}
			<-ctx.Done() // a server that never answers
			return ctx.Err()
		}, API{Server: server}, func(string) {})
		require.NoError(t, err)
		assert.Equal(t, 12*time.Second, time.Since(started))
	})
}

func TestAwaitAPIStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	err := awaitAPI(ctx, func(context.Context, API) error {
		cancel()
		return errors.New("refused")
	}, API{Server: server}, func(string) {})
	require.EqualError(t, err, "waiting for the API at https://10.20.0.2:6443: context canceled")
}

func TestAwaitAPIWithoutProber(t *testing.T) {
	t.Parallel()
	err := awaitAPI(t.Context(), nil, API{Server: server}, func(string) {})
	require.EqualError(t, err, "no prober: Args.Prober must be set, e.g. to cluster.Probe")
}

// fakeAPI serves what a path answers, and asks its callers for certificates as the API server does.
func fakeAPI(t *testing.T, answers map[string]string, status map[string]int) API {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, known := status[r.URL.Path]
		if !known {
			code = http.StatusOK
		}
		if r.URL.Path != "/readyz" {
			assert.Equal(t, "/apis/rbac.authorization.k8s.io/v1/clusterroles?limit=1", r.URL.String())
			assert.Equal(t, "other", r.TLS.PeerCertificates[0].Subject.CommonName, "asked as the administrator")
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(answers[r.URL.Path]))
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	certificate, key := otherPair(t)
	return API{
		Server: server.URL, CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
		Certificate: certificate, Key: key,
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	const roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
	for _, row := range []struct {
		name    string
		answers map[string]string
		status  map[string]int
		err     string
	}{
		{name: "ready"},
		{name: "not yet", answers: map[string]string{"/readyz": "[+]ping ok\n[-]etcd failed: reason withheld\n[-]poststarthook/rbac failed: reason withheld\nreadyz check failed\n"},
			status: map[string]int{"/readyz": 500},
			err:    "readyz: status 500 Internal Server Error: etcd failed: reason withheld, poststarthook/rbac failed: reason withheld"},
		{name: "another server", answers: map[string]string{"/readyz": "no such page\n"}, status: map[string]int{"/readyz": 404},
			err: "readyz: status 404 Not Found: no such page"},
		{name: "ready, and the administrator is not bound yet", answers: map[string]string{roles: "forbidden"}, status: map[string]int{roles: 403},
			err: "apis/rbac.authorization.k8s.io/v1/clusterroles: status 403 Forbidden: forbidden"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			err := Probe(t.Context(), fakeAPI(t, row.answers, row.status))
			if row.err == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, row.err)
			}
		})
	}
}

// Whoever sits at the address without the cluster's authority is not the cluster, whatever it answers.
func TestProbeTrustsTheDeclaredAuthorityAlone(t *testing.T) {
	t.Parallel()
	api := fakeAPI(t, nil, nil)
	stranger := api
	stranger.CA = otherAuthority(t)
	require.ErrorContains(t, Probe(t.Context(), stranger), "certificate signed by unknown authority")
	stranger.CA = []byte("x")
	require.EqualError(t, Probe(t.Context(), stranger), "the cluster's authority is not a PEM certificate")
	api.Key = nil
	require.ErrorContains(t, Probe(t.Context(), api), "the administrator's certificate: ")
}
