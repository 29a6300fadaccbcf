package machines

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/lagrum/lagrum/tests/golden"
)

func TestQEMUArgs(t *testing.T) {
	t.Parallel()
	machine := Machine{
		MachineSpec: MachineSpec{Name: "workers-1-g1", CPUs: 2, MemoryMiB: 2048, DiskGiB: 20, Virtual: true, DataGiB: 5},
		UUID:        "00112233445566778899aabbccddeeff",
	}
	args := qemuArgs("dev", machine, "/lab/machines/workers-1-g1", "vb-dev-0123456", "/lab/images.img", true)
	golden.Compare(t, "qemu.txt", strings.Join(args, "\n")+"\n")

	machine.DataGiB = 0
	bare := strings.Join(qemuArgs("dev", machine, "/lab/machines/workers-1-g1", "vb-dev-0123456", "/lab/images.img", false), "\n")
	assert.NotContains(t, bare, fileData)
	assert.NotContains(t, bare, fileSecret)
}

// Linux takes 15 characters, and down finds interfaces by what their names begin with.
func TestTapNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"d", "abcdefgh"} {
		lab, err := Open(name, t.TempDir())
		require.NoError(t, err)
		one, other := lab.tap("workers-1-g1"), lab.tap("workers-2-g1")
		assert.Len(t, one, 15)
		assert.NotEqual(t, one, other)
		assert.True(t, strings.HasPrefix(one, lab.veth("")), one)
	}
}

func TestValidateVirtual(t *testing.T) {
	t.Parallel()
	whole := MachineSpec{Name: "w", Network: "n", Role: "worker", MemoryMiB: 2048, DiskGiB: 20, Virtual: true, DataGiB: 5}
	require.NoError(t, whole.Validate())
	for _, row := range []struct {
		edit func(*MachineSpec)
		want string
	}{
		{func(s *MachineSpec) { s.Virtual = false }, "dataGiB: 5: a system container has no disks of its own; declare a virtual machine"},
		{func(s *MachineSpec) { s.DiskGiB = 0 }, "diskGiB: 0: the node image does not fit; use 2 or more"},
		{func(s *MachineSpec) { s.MemoryMiB = 512 }, "memoryMiB: 512 does not boot a virtual machine; use 768 or more"},
		{func(s *MachineSpec) { s.DataGiB = -1 }, "dataGiB: -1 is negative; use 0 for unbounded, or more"},
	} {
		spec := whole
		row.edit(&spec)
		assert.EqualError(t, spec.Validate(), row.want)
	}
}

func TestVendorData(t *testing.T) {
	t.Parallel()
	var parsed struct {
		BootCmd []string `yaml:"bootcmd"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(vendorData), &parsed))
	require.Len(t, parsed.BootCmd, 1)
	check := exec.Command("sh", "-n")
	check.Stdin = strings.NewReader(parsed.BootCmd[0])
	text, err := check.CombinedOutput()
	assert.NoError(t, err, string(text))
}

// A virtual machine without an image is refused before anything is made.
func TestNoImage(t *testing.T) {
	t.Parallel()
	lab, err := Open("unit", t.TempDir())
	require.NoError(t, err)
	_, err = lab.image()
	assert.ErrorContains(t, err, "run: lagrum lab virtual")
	assert.ErrorContains(t, lab.UseImage("node.raw"), "give an absolute one")
}
