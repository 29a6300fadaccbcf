package machines

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

const hybridMounts = `30 23 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
33 30 0:29 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,release_agent=/x,name=systemd
34 30 0:30 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
35 30 0:28 / /mnt/memory rw,relatime - cgroup cgroup rw,memory
`

func TestHierarchies(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		mounts string
		want   []hierarchy
	}{
		"hybrid": {hybridMounts, []hierarchy{
			{mount: "/sys/fs/cgroup/cpu,cpuacct", root: "/", controllers: []string{"cpu", "cpuacct"}},
			{mount: "/sys/fs/cgroup/memory", root: "/", controllers: []string{"memory"}},
			{mount: "/sys/fs/cgroup/systemd", root: "/", controllers: []string{"name=systemd"}},
			{mount: "/sys/fs/cgroup/unified", root: "/", v2: true},
		}},
		"v2 alone": {"30 23 0:26 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n", []hierarchy{
			{mount: "/sys/fs/cgroup", root: "/", v2: true, alone: true},
		}},
		"none": {"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, row.want, parseHierarchies([]byte(row.mounts)))
		})
	}
}

func TestOwnGroups(t *testing.T) {
	t.Parallel()
	hybrid := parseHierarchies([]byte(hybridMounts))
	for name, row := range map[string]struct {
		all  []hierarchy
		self string
		want map[string]string
		err  string
	}{
		"hybrid": {hybrid, "4:cpu,cpuacct:/\n3:memory:/user/one\n2:name=systemd:/\n0::/\n", map[string]string{
			"/sys/fs/cgroup/cpu,cpuacct": "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/memory": "/sys/fs/cgroup/memory/user/one",
			"/sys/fs/cgroup/systemd": "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified": "/sys/fs/cgroup/unified",
		}, ""},
		"part of a hierarchy": {[]hierarchy{{mount: "/cg", root: "/user", controllers: []string{"pids"}}}, "1:pids:/user/one\n",
			map[string]string{"/cg": "/cg/one"}, ""},
		"v2 alone": {[]hierarchy{{mount: "/sys/fs/cgroup", root: "/", v2: true, alone: true}}, "0::/user.slice/session-1.scope\n",
			map[string]string{"/sys/fs/cgroup": "/sys/fs/cgroup"}, ""},
		"in none": {hybrid, "0::/\n", nil, "control groups: this process is in none of /sys/fs/cgroup/cpu,cpuacct"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ownGroups(row.all, []byte(row.self))
			expectError(t, err, row.err)
			assert.Equal(t, row.want, got)
		})
	}
}
