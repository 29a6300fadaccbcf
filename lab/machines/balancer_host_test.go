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
	"os"
	"strings"
	"sync/atomic"
	"syscall"
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
			if _, err := fmt.Fprintln(w, address, n); err != nil {
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

// watch opens a request that is answered a line at a time, and by that server.
func watch(t *testing.T, address string, by *apiServer) *bufio.Scanner {
	t.Helper()
	for range 20 {
		client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		response, err := client.Get("https://" + address + ":6443/watch")
		require.NoError(t, err)
		lines := bufio.NewScanner(response.Body)
		if lines.Scan() && strings.HasPrefix(lines.Text(), by.address+" ") {
			t.Cleanup(func() { response.Body.Close() })
			return lines
		}
		response.Body.Close()
	}
	require.Fail(t, "the balancer never chose "+by.address)
	return nil
}

// goesOn wants more lines of a watch than could wait in buffers.
func goesOn(t *testing.T, lines *bufio.Scanner) {
	t.Helper()
	for start := time.Now(); time.Since(start) < time.Second; {
		require.True(t, lines.Scan(), "the watch ended: %v", lines.Err())
	}
}

// ends wants a watch to end soon: three failed checks two seconds apart end it, and an hour without is what it would get.
func ends(t *testing.T, lines *bufio.Scanner) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		for lines.Scan() {
		}
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		require.Fail(t, "the watch goes on")
	}
}

// A bridge whose address went with a port's would leave the machines sending to nobody when that machine goes.
func TestBridgeKeepsItsAddress(t *testing.T) {
	lab := openLab(t, "tmac")
	network, err := lab.CreateNetwork(t.Context(), machines.NetworkSpec{Name: "net", CIDR: "10.97.9.0/24"}, "")
	require.NoError(t, err)
	address := func() string {
		text, err := os.ReadFile("/sys/class/net/" + network.Bridge + "/address")
		require.NoError(t, err)
		return strings.TrimSpace(string(text))
	}
	before := address()
	assert.Regexp(t, "^02:", before, "locally administered")
	hostRun(t, "ip", "link", "add", "tmac0", "address", "00:00:5e:00:53:01", "type", "veth", "peer", "name", "tmac1")
	hostRun(t, "ip", "link", "set", "tmac0", "master", network.Bridge, "up")
	assert.Equal(t, before, address())
	hostRun(t, "ip", "link", "delete", "tmac0")
	assert.Equal(t, before, address())
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

	// A watch that is open while a member is added must not notice.
	old := watch(t, balancer.Address, one)
	two := newAPIServer(t, network.Bridge, "10.97.3.202")
	two.ready.Store(false)
	_, err = lab.AddMember(ctx, machines.MemberSpec{LoadBalancer: "api", Name: "two", Address: two.address}, "")
	require.NoError(t, err)
	for range 20 {
		got, err := get(balancer.Address, "/who")
		require.NoError(t, err)
		require.Equal(t, one.address, got, "a member that never was ready gets nothing")
	}
	two.ready.Store(true)
	eventually(t, balancer.Address, two.address)
	goesOn(t, old)

	// Still listens, is not ready: only a check of /readyz can tell. The watch that was open before the other member came
	// must end too, so that its client goes where it is answered.
	one.ready.Store(false)
	ends(t, old)
	for range 10 {
		got, err := get(balancer.Address, "/who")
		require.NoError(t, err)
		require.Equal(t, two.address, got)
	}

	leaving := watch(t, balancer.Address, two)
	one.ready.Store(true)
	eventually(t, balancer.Address, one.address)
	staying := watch(t, balancer.Address, one)
	require.NoError(t, lab.RemoveMember(ctx, "two"))
	ends(t, leaving)
	goesOn(t, staying)
	eventually(t, balancer.Address, one.address)
	_, err = lab.AddMember(ctx, machines.MemberSpec{LoadBalancer: "api", Name: "two", Address: two.address}, "")
	require.NoError(t, err, "a member may come back")
	require.NoError(t, lab.RemoveMember(ctx, "two"))

	// A balancer that died has all its members again.
	require.NoError(t, syscall.Kill(balancer.Process.PID, syscall.SIGKILL))
	require.NoError(t, lab.Resume(ctx))
	eventually(t, balancer.Address, one.address)

	assert.EqualError(t, lab.DeleteLoadBalancer(ctx, "api"), "load balancer api: still has the member one; delete it first")
	require.NoError(t, lab.RemoveMember(ctx, "one"))
	require.NoError(t, lab.RemoveMember(ctx, "one"), "removing twice is fine")
	require.NoError(t, lab.DeleteLoadBalancer(ctx, "api"))
	_, err = net.DialTimeout("tcp", balancer.Address+":6443", 2*time.Second)
	assert.Error(t, err)
}
