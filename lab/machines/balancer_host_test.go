//go:build lab

package machines_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/lab/machines"
)

// apiServer stands for an API server on an address of the lab's bridge.
type apiServer struct {
	address string
	ready   atomic.Bool
	server  *httptest.Server
}

func newAPIServer(t *testing.T, bridge, address string) *apiServer {
	t.Helper()
	hostRun(t, "ip", "address", "add", address+"/32", "dev", bridge)
	listener, err := net.Listen("tcp", address+":6443")
	require.NoError(t, err)
	s := &apiServer{address: address}
	s.ready.Store(true)
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !s.ready.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("/who", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, address) })
	mux.HandleFunc("/watch", func(w http.ResponseWriter, r *http.Request) {
		for n := 0; ; n++ {
			if _, err := fmt.Fprintln(w, n); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	s.server = httptest.NewUnstartedServer(mux)
	s.server.Listener.Close()
	s.server.Listener = listener
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0) // haproxy ends its probes without farewell
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	return s
}

// get asks the balancer on a new connection.
func get(address, path string) (string, error) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the stand-in's certificate is made up
	}}
	response, err := client.Get("https://" + address + ":6443" + path)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// eventually tries until the balancer answers as wanted; health checks come once a second.
func eventually(t *testing.T, address, want string) {
	t.Helper()
	var got string
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if got, err = get(address, "/who"); err == nil && got == want {
			return
		}
	}
	t.Fatalf("the balancer never answered %q; last: %q, %v", want, got, err)
}

func TestLoadBalancer(t *testing.T) {
	lab := openLab(t, "tbal")
	ctx := t.Context()
	network, err := lab.CreateNetwork(ctx, machines.NetworkSpec{Name: "net", CIDR: "10.97.3.0/24"}, "")
	require.NoError(t, err)
	balancer, err := lab.CreateLoadBalancer(ctx, machines.LoadBalancerSpec{Name: "api", Network: "net", Port: 6443}, "")
	require.NoError(t, err)
	assert.Equal(t, "10.97.3.2", balancer.Address)

	start := time.Now()
	_, err = get(balancer.Address, "/who")
	assert.Error(t, err, "without members there is nothing to answer")
	assert.Less(t, time.Since(start), 5*time.Second, "and that is said at once, not by a timeout")

	one := newAPIServer(t, network.Bridge, "10.97.3.201")
	_, err = lab.AddMember(ctx, machines.MemberSpec{LoadBalancer: "api", Name: "one", Address: one.address}, "")
	require.NoError(t, err)
	eventually(t, balancer.Address, one.address)

	// A watch that is open while members change must not notice.
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	watch, err := client.Get("https://" + balancer.Address + ":6443/watch")
	require.NoError(t, err)
	defer watch.Body.Close()
	lines := bufio.NewScanner(watch.Body)
	require.True(t, lines.Scan())

	two := newAPIServer(t, network.Bridge, "10.97.3.202")
	_, err = lab.AddMember(ctx, machines.MemberSpec{LoadBalancer: "api", Name: "two", Address: two.address}, "")
	require.NoError(t, err)
	same, err := lab.LoadBalancer("api")
	require.NoError(t, err)
	assert.True(t, same.Process.Alive())
	eventually(t, balancer.Address, two.address)

	one.ready.Store(false) // still listens, is not ready: only a check of /readyz can tell
	eventually(t, balancer.Address, two.address)
	time.Sleep(5 * time.Second) // two failed checks
	for range 10 {
		got, err := get(balancer.Address, "/who")
		require.NoError(t, err)
		require.Equal(t, two.address, got)
	}
	one.ready.Store(true)

	require.NoError(t, lab.RemoveMember(ctx, "two"))
	eventually(t, balancer.Address, one.address)
	before := lines.Text()
	for range 20 {
		require.True(t, lines.Scan(), "the watch ended at %q: %v", before, lines.Err())
	}
	assert.NotEqual(t, before, lines.Text())

	assert.EqualError(t, lab.DeleteLoadBalancer(ctx, "api"), "load balancer api: still has the member one; delete it first")
	require.NoError(t, lab.RemoveMember(ctx, "one"))
	require.NoError(t, lab.RemoveMember(ctx, "one"), "removing twice is fine")
	require.NoError(t, lab.DeleteLoadBalancer(ctx, "api"))
	_, err = net.DialTimeout("tcp", balancer.Address+":6443", 2*time.Second)
	assert.Error(t, err)
}
