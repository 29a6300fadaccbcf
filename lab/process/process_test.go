package process

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProcessAlive(t *testing.T) {
	t.Parallel()
	start, _, err := Stat(os.Getpid())
	require.NoError(t, err)
	self := Process{PID: os.Getpid(), Start: start, Boot: BootID()}
	ended := exec.Command("true")
	require.NoError(t, ended.Start())
	zombie := Process{PID: ended.Process.Pid, Boot: BootID()}
	zombie.Start, _, err = Stat(zombie.PID)
	require.NoError(t, err)
	require.NoError(t, ended.Wait())
	for name, row := range map[string]struct {
		process Process
		want    bool
	}{
		"this one":         {self, true},
		"never started":    {Process{}, false},
		"another start":    {Process{PID: self.PID, Start: self.Start + 1, Boot: self.Boot}, false},
		"before a restart": {Process{PID: self.PID, Start: self.Start, Boot: "another"}, false},
		"ended":            {zombie, false},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, row.want, row.process.Alive())
		})
	}
}
