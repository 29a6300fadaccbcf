package machines

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/tests/golden"

	"github.com/lagrum/lagrum/lab/records"
)

func TestKeeperScript(t *testing.T) {
	t.Parallel()
	b := boot{
		lab: "dev", machine: "cp-1-g1", uuid: "0123456789abcdef0123456789abcdef", bridge: "lgr-dev",
		layers: []string{"/cache/node", "/cache/debian"}, dir: "/var/lib/lagrum/dev/machines/cp-1-g1",
		images: "/var/lib/lagrum/dev/images", cgroups: []string{"/sys/fs/cgroup/memory/lagrum/dev/cp-1-g1", "/sys/fs/cgroup/o'hare"},
		hasSecrets: true,
	}
	golden.Compare(t, "keeper.sh", keeperScript(b))
}

func TestKeeperScriptWithoutSecrets(t *testing.T) {
	t.Parallel()
	assert.NotContains(t, keeperScript(boot{lab: "dev", machine: "w-1-g1"}), "secrets")
}

func TestMachineSpecValidate(t *testing.T) {
	t.Parallel()
	const label = " is no DNS label; use up to 63 lower-case letters, digits and hyphens, a letter first"
	with := func(change func(*MachineSpec)) MachineSpec {
		spec := MachineSpec{Name: "cp-1-g1", Network: "dev", Role: "control-plane", CPUs: 2, MemoryMiB: 2048, DiskGiB: 20, UserData: "#cloud-config\n"}
		change(&spec)
		return spec
	}
	for name, row := range map[string]struct {
		spec MachineSpec
		want string
	}{
		"good":           {with(func(*MachineSpec) {}), ""},
		"unbounded":      {with(func(s *MachineSpec) { s.CPUs, s.MemoryMiB, s.DiskGiB = 0, 0, 0 }), ""},
		"name":           {with(func(s *MachineSpec) { s.Name = "../etc" }), `name: "../etc"` + label},
		"long name":      {with(func(s *MachineSpec) { s.Name = strings.Repeat("a", 56) }), `name: "` + strings.Repeat("a", 56) + `" has 56 characters; use up to 55`},
		"network":        {with(func(s *MachineSpec) { s.Network = "" }), `network: ""` + label},
		"role":           {with(func(s *MachineSpec) { s.Role = "" }), `role: ""` + label},
		"balancer role":  {with(func(s *MachineSpec) { s.Role = "load-balancer" }), `role: "load-balancer" is no role of machines; use one like control-plane or worker`},
		"declared role":  {with(func(s *MachineSpec) { s.Role = "declared-sources" }), `role: "declared-sources" is no role of machines; use one like control-plane or worker`},
		"negative cpus":  {with(func(s *MachineSpec) { s.CPUs = -1 }), `cpus: -1 is negative; use 0 for unbounded, or more`},
		"negative disk":  {with(func(s *MachineSpec) { s.DiskGiB = -1 }), `diskGiB: -1 is negative; use 0 for unbounded, or more`},
		"little memory":  {with(func(s *MachineSpec) { s.MemoryMiB = 64 }), `memoryMiB: 64 does not boot; use 128 or more, or 0 for unbounded`},
		"damaged base64": {with(func(s *MachineSpec) { s.UserData = "H4sI!" }), `userData: begins like base64 of gzip but is not: illegal base64 data at input byte 4; give plain text or base64 of gzip`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectError(t, row.spec.Validate(), row.want)
		})
	}
}

func TestUserDataBytes(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ in, want string }{
		"text":           {"#cloud-config\n", "#cloud-config\n"},
		"base64 of gzip": {"H4sIAAAA", "\x1f\x8b\x08\x00\x00\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := UserDataBytes(row.in)
			require.NoError(t, err)
			assert.Equal(t, row.want, string(got))
		})
	}
}

func TestMetaData(t *testing.T) {
	t.Parallel()
	got, err := metaData("cp-1-g1", "abc")
	require.NoError(t, err)
	assert.Equal(t, "instance-id: cp-1-g1-abc\nlocal-hostname: cp-1-g1\n", string(got))
}

func TestOpen(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ lab, dir, want string }{
		"good":     {"dev", "", ""},
		"empty":    {"", "", `lab: "" is no lab name; use up to 8 lower-case letters and digits, a letter first`},
		"long":     {"laboratory", "", `lab: "laboratory" is no lab name; use up to 8 lower-case letters and digits, a letter first`},
		"path":     {"../x", "", `lab: "../x" is no lab name; use up to 8 lower-case letters and digits, a letter first`},
		"relative": {"dev", "state", `lab dev: state directory "state" is relative; give an absolute path`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lab, err := Open(row.lab, row.dir)
			expectError(t, err, row.want)
			if row.want == "" {
				assert.Equal(t, "/var/lib/lagrum/dev", lab.Dir())
			}
		})
	}
}

func testLab(t *testing.T) *Lab {
	t.Helper()
	lab, err := Open("unit", filepath.Join(t.TempDir(), "unit"))
	require.NoError(t, err)
	return lab
}

func TestRecords(t *testing.T) {
	t.Parallel()
	lab := testLab(t)
	made := Machine{
		MachineSpec: MachineSpec{Name: "cp-1-g1", Network: "dev", Role: "control-plane", Secrets: []byte("SENTINEL"), UserData: "SENTINEL"},
		Owner:       "urn:pulumi:dev::lagrum::lab:index:Machine::cp-1-g1", Address: "10.88.0.10",
	}
	require.NoError(t, lab.records.Save(records.Machines, made.Name, made))
	require.NoError(t, lab.records.Save(records.Members, "cp-1-g1", Member{MemberSpec: MemberSpec{"api", "cp-1-g1", "10.88.0.10"}}))

	record, err := os.ReadFile(lab.records.File(records.Machines, made.Name))
	require.NoError(t, err)
	assert.NotContains(t, string(record), "SENTINEL", "neither secrets nor user-data belong in the record")

	// What a killed creation leaves: a folder without record, and half a record under a temporary name.
	require.NoError(t, os.MkdirAll(lab.records.Path(records.Machines, "cp-2-g1"), 0o700))
	require.NoError(t, os.WriteFile(lab.records.Path(records.Members, ".new-1"), []byte("{"), 0o600))

	found, err := lab.Machines()
	require.NoError(t, err)
	made.Secrets, made.UserData = nil, ""
	assert.Equal(t, []Machine{made}, found)
	members, err := lab.membersOf("api")
	require.NoError(t, err)
	assert.Len(t, members, 1)
	_, err = lab.Machine("cp-2-g1")
	assert.ErrorIs(t, err, ErrNotFound)
	assert.EqualError(t, err, "lab unit: machines/cp-2-g1 does not exist")
}

func TestSetTags(t *testing.T) {
	t.Parallel()
	lab := testLab(t)
	require.NoError(t, lab.records.Save(records.Machines, "w-1-g1", Machine{MachineSpec: MachineSpec{Name: "w-1-g1", Tags: map[string]string{"a": "1"}}}))
	require.NoError(t, lab.SetTags("w-1-g1", map[string]string{"b": "2"}))
	machine, err := lab.Machine("w-1-g1")
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"b": "2"}, machine.Tags)
	assert.ErrorIs(t, lab.SetTags("w-2-g1", nil), ErrNotFound)
}

func TestUseRootFS(t *testing.T) {
	t.Parallel()
	lab := testLab(t)
	_, err := lab.rootFS()
	assert.ErrorContains(t, err, "lab unit: no root file system is set (")

	upper, lower := t.TempDir(), t.TempDir()
	assert.EqualError(t, lab.UseRootFS(upper, lower),
		`root file system ["`+upper+`" "`+lower+`"]: no systemd in it; make the layers with package rootfs`)
	systemd := filepath.Join(lower, "usr/lib/systemd/systemd")
	require.NoError(t, records.WriteFile(systemd, nil, 0o755))
	assert.ErrorContains(t, lab.UseRootFS("/a,b", lower), `root file system "/a,b": the path is relative or has a comma`)
	require.NoError(t, lab.UseRootFS(upper, lower))
	layers, err := lab.rootFS()
	require.NoError(t, err)
	assert.Equal(t, []string{upper, lower}, layers)
}

func TestPublish(t *testing.T) {
	t.Parallel()
	lab := testLab(t)
	archive := filepath.Join(t.TempDir(), "etcd.tar")
	target := filepath.Join(lab.imagesDir(), "etcd.tar")
	content := func() string {
		data, err := os.ReadFile(target)
		require.NoError(t, err)
		return string(data)
	}
	require.NoError(t, os.WriteFile(archive, []byte("one"), 0o644))
	require.NoError(t, lab.Publish(archive))
	assert.Equal(t, "one", content())
	before, err := os.Stat(target)
	require.NoError(t, err)
	require.NoError(t, lab.Publish(archive))
	after, err := os.Stat(target)
	require.NoError(t, err)
	assert.True(t, os.SameFile(before, after))

	changed := filepath.Join(t.TempDir(), "etcd.tar")
	require.NoError(t, os.WriteFile(changed, []byte("another"), 0o644))
	require.NoError(t, lab.Publish(changed))
	assert.Equal(t, "another", content())

	entries, err := os.ReadDir(lab.imagesDir())
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing temporary stays")
	assert.EqualError(t, lab.Publish("/x/etcd"), "image archive /x/etcd: the name must end in .tar and not begin with a dot")
	assert.ErrorContains(t, lab.Publish("/nowhere/etcd.tar"), "image archive: stat /nowhere/etcd.tar: no such file")
}
