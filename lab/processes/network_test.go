package processes

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/lab/machines"
	"github.com/lagrum/lagrum/lab/records"
)

func unit(t *testing.T) *Lab {
	t.Helper()
	l, err := Open("unit", filepath.Join(t.TempDir(), "unit"))
	require.NoError(t, err)
	return l
}

func TestOpenRefusesRelative(t *testing.T) {
	t.Parallel()
	_, err := Open("unit", "state")
	require.EqualError(t, err, `lab unit: state directory "state" is relative; give an absolute path`)
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	a := loopback("dev", 1000, 10)
	assert.True(t, a.IsLoopback())
	assert.NotEqual(t, byte(0), a.As4()[1], "127.0 is the host's own")
	assert.Equal(t, byte(10), a.As4()[3])
	for name, other := range map[string]string{
		"another lab":  loopback("e2e", 1000, 10).String(),
		"another user": loopback("dev", 1001, 10).String(),
	} {
		assert.NotEqual(t, a.String(), other, name)
	}
}

func TestNextNumber(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		last int
		used []int
		want int
		err  string
	}{
		"the first":       {0, nil, 10, ""},
		"after the last":  {10, nil, 11, ""},
		"skips used":      {10, []int{11}, 12, ""},
		"starts over":     {12, []int{10}, 11, ""},
		"the last is out": {99, nil, 10, ""},
		"full":            {10, []int{10, 11, 12}, 0, "all 3 addresses are in use; delete something"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			used := map[int]bool{}
			for _, n := range row.used {
				used[n] = true
			}
			got, err := nextNumber(10, 12, row.last, used)
			if row.err != "" {
				require.EqualError(t, err, row.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, row.want, got)
		})
	}
}

var (
	network  = machines.NetworkSpec{Name: "net", CIDR: "172.31.240.0/24"}
	wall     = machines.FirewallSpec{Name: "wall", Network: "net"}
	balancer = machines.LoadBalancerSpec{Name: "api", Network: "net", Port: 6443}
)

func TestNetworkAndFirewall(t *testing.T) {
	t.Parallel()
	l, ctx := unit(t), t.Context()
	_, err := l.CreateFirewall(ctx, wall, "urn")
	require.EqualError(t, err, "firewall wall: lab unit: networks/net does not exist")
	made, err := l.CreateNetwork(ctx, network, "urn")
	require.NoError(t, err)
	assert.Equal(t, "lo", made.Bridge)
	_, err = l.CreateNetwork(ctx, network, "urn")
	require.EqualError(t, err, "network net exists already; import it, or delete it first")
	_, err = l.CreateNetwork(ctx, machines.NetworkSpec{Name: "two", CIDR: "10.0.0.0/24"}, "urn")
	require.EqualError(t, err, "network two: the lab unit has the network net already and can have only one; delete that first")

	_, err = l.CreateFirewall(ctx, wall, "urn")
	require.NoError(t, err)
	_, err = l.CreateFirewall(ctx, wall, "urn")
	require.EqualError(t, err, "firewall wall exists already; import it, or delete it first")
	changed := wall
	changed.Rules = []machines.Rule{{Name: "api", From: "worker", To: "control-plane", Protocol: "tcp", FirstPort: 6443, LastPort: 6443, Reason: "the API"}}
	_, err = l.UpdateFirewall(ctx, changed)
	require.NoError(t, err)
	got, err := l.Firewall("wall")
	require.NoError(t, err)
	assert.Equal(t, changed.Rules, got.Rules)
	assert.Equal(t, "urn", got.Owner)

	require.EqualError(t, l.DeleteNetwork(ctx, "net"), "network net: still used by firewalls [wall]; delete them first")
	removed, err := l.RemoveOwned(ctx, "urn")
	require.NoError(t, err)
	assert.Equal(t, []string{"firewalls/wall", "networks/net"}, removed)
	_, err = l.Network("net")
	require.ErrorIs(t, err, machines.ErrNotFound)
	require.NoError(t, l.DeleteNetwork(ctx, "net"), "one that is gone is fine")
}

// A creation that fails leaves nothing behind.
func TestWithoutPrograms(t *testing.T) {
	t.Parallel()
	l, ctx := unit(t), t.Context()
	_, err := l.CreateNetwork(ctx, network, "urn")
	require.NoError(t, err)
	_, err = l.CreateLoadBalancer(ctx, balancer, "urn")
	require.ErrorContains(t, err, "load balancer api: lab unit: its programs are not set")
	_, err = l.CreateMachine(ctx, machines.MachineSpec{Name: "w-1", Network: "net", Role: "worker", UserData: string(nodeData(roleWorker))}, "urn")
	require.ErrorContains(t, err, "machine w-1: lab unit: its programs are not set")
	for _, kind := range []string{records.Balancers, records.Machines} {
		names, err := l.records.Names(kind)
		require.NoError(t, err)
		assert.Empty(t, names, kind)
	}
	removed, err := l.Down(ctx)
	require.NoError(t, err)
	assert.Equal(t, []string{"folder " + l.dir}, removed)
	assert.NoDirExists(t, filepath.Dir(l.dir), "the folder of all labs goes with the last")
}

// A machine gets no connection before it has booted, and one that belongs to no machine is not judged.
func TestHealthy(t *testing.T) {
	t.Parallel()
	l := unit(t)
	require.NoError(t, l.records.Save(records.Balancers, "api", machines.LoadBalancer{LoadBalancerSpec: balancer}))
	for name, status := range map[string]string{"cp-1": "ok\n", "cp-2": "running: init\n", "cp-3": ""} {
		address := l.address(10 + len(status))
		require.NoError(t, l.records.Save(records.Machines, name, made{Machine: machines.Machine{MachineSpec: machines.MachineSpec{Name: name}, Address: address}}))
		if status != "" {
			require.NoError(t, records.WriteFile(l.machineFile(name, dirRoot, statusPath), []byte(status), 0o600))
		}
		_, err := l.AddMember(t.Context(), machines.MemberSpec{LoadBalancer: "api", Name: name, Address: address}, "urn")
		require.NoError(t, err)
	}
	_, err := l.AddMember(t.Context(), machines.MemberSpec{LoadBalancer: "api", Name: "other", Address: "192.0.2.1"}, "urn")
	require.NoError(t, err)
	got, err := l.healthy("api", 6443)
	require.NoError(t, err)
	assert.Equal(t, []string{l.address(10+len("ok\n")) + ":6443", "192.0.2.1:6443"}, got)

	require.EqualError(t, l.DeleteLoadBalancer(t.Context(), "api"), "load balancer api: still has the member cp-1; delete it first")
	require.NoError(t, l.RemoveMember(t.Context(), "cp-1"))
	got, err = l.healthy("api", 6443)
	require.NoError(t, err)
	assert.Equal(t, []string{"192.0.2.1:6443"}, got)
}

// Each connection goes to a target that answers, and is closed when there is none.
func TestServe(t *testing.T) {
	t.Parallel()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	echo := listen()
	go func() {
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			go func() {
				text, _ := io.ReadAll(conn)
				_, _ = io.WriteString(conn, strings.ToUpper(string(text)))
				_ = conn.Close()
			}()
		}
	}()
	dead := listen()
	require.NoError(t, dead.Close())
	for name, row := range map[string]struct {
		targets []string
		want    string
	}{
		"one":              {[]string{echo.Addr().String()}, "HELLO"},
		"one of two is up": {[]string{dead.Addr().String(), echo.Addr().String()}, "HELLO"},
		"none":             {nil, ""},
		"none is up":       {[]string{dead.Addr().String()}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			front := listen()
			go func() { _ = serve(front, func() ([]string, error) { return row.targets, nil }) }()
			for range 2 { // a turn for each
				conn, err := net.Dial("tcp", front.Addr().String())
				require.NoError(t, err)
				_, _ = io.WriteString(conn, "hello")
				_ = conn.(*net.TCPConn).CloseWrite()
				got, _ := io.ReadAll(conn)
				assert.Equal(t, row.want, string(got))
				require.NoError(t, conn.Close())
			}
		})
	}
}
