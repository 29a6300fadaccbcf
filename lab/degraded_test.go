package lab

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/lab/machines"
	"github.com/lagrum/lagrum/lab/processes"
)

func TestChooseMachines(t *testing.T) {
	t.Parallel()
	unable := errors.New("this host cannot run machines: not root (user id 1000)")
	for name, row := range map[string]struct {
		asked  string
		host   error
		record string // what the lab was made as
		kind   string
		err    string
	}{
		"an able host":           {kind: processes.Nspawn},
		"an unable host":         {host: unable, kind: processes.Processes},
		"asked for processes":    {asked: processes.Processes, kind: processes.Processes},
		"asked for machines":     {asked: processes.Nspawn, host: unable, kind: processes.Nspawn},
		"made without, host can": {record: processes.Record, kind: processes.Processes},
		"made with, host can":    {record: machines.Record, kind: processes.Nspawn},
		"made without, asked for machines": {asked: processes.Nspawn, record: processes.Record,
			err: "lab dev was made without machines, and LAGRUM_LAB_MACHINES=nspawn asks for them; run make down without it first"},
		"made with, asked for processes": {asked: processes.Processes, record: machines.Record,
			err: "lab dev was made with machines and cannot be used without (LAGRUM_LAB_MACHINES=processes asks for none); run make down as it was made"},
		"made with, host lost the ability": {host: unable, record: machines.Record,
			err: "lab dev was made with machines and cannot be used without (this host cannot run machines: not root (user id 1000)); run make down as it was made"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &Lab{Name: "dev", State: t.TempDir()}
			if row.record != "" {
				require.NoError(t, os.WriteFile(filepath.Join(l.State, row.record), []byte("{}"), 0o600))
			}
			err := l.chooseMachines(row.asked, row.host)
			if row.err != "" {
				require.EqualError(t, err, row.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, row.kind, l.machineKind())
		})
	}
}

// What a lab without machines does not prove has to be in its status, and must not be in that of one with machines.
func TestNotProvable(t *testing.T) {
	t.Parallel()
	with, without := &Lab{}, &Lab{noMachines: errors.New("not root")}
	for _, what := range processes.Missing() {
		assert.Contains(t, without.notProvable(), what)
		assert.NotContains(t, with.notProvable(), what)
	}
}
