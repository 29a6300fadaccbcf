package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refused" {
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = w.Write([]byte("body of " + r.URL.Path))
	}))
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	closed := httptest.NewServer(nil)
	closed.Close()

	for _, row := range []struct {
		name     string
		args     []string
		out, err string
	}{
		{"get prints the body", []string{"get", server.URL + "/hello"}, "body of /hello", ""},
		{"get fails on a status", []string{"get", server.URL + "/refused"}, "body of /refused", "get " + server.URL + "/refused: status 403 Forbidden"},
		{"connect succeeds", []string{"connect", address}, "", ""},
		{"connect fails", []string{"connect", strings.TrimPrefix(closed.URL, "http://")}, "", "dial tcp " + strings.TrimPrefix(closed.URL, "http://") + ": connect: connection refused"},
		{"lookup of an address", []string{"lookup", "127.0.0.1"}, "127.0.0.1\n", ""},
		{"lookup of nothing", []string{"lookup"}, "", "lookup: want one operand, got []\n" + usage},
		{"unknown command", []string{"fetch", "x"}, "", "no command \"fetch\"\n" + usage},
		{"no command", nil, "", "no command\n" + usage},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			err := run(context.Background(), row.args, &out)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if text != row.err || out.String() != row.out {
				t.Errorf("run %q printed %q and failed with %q, want %q and %q", row.args, out.String(), text, row.out, row.err)
			}
		})
	}
}
