package machines

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHosts(t *testing.T) {
	t.Parallel()
	require.Equal(t, localHosts+"10.88.0.3\tlogin.lab.lagrum\n10.88.0.4\tweb.lab.lagrum\n",
		string(hostsFile(map[string]string{"web.lab.lagrum": "10.88.0.4", "login.lab.lagrum": "10.88.0.3"})))
	spec := MachineSpec{Hosts: map[string]string{"login": "10.88.0.3", "login.lab.lagrum\n": "here"}, Virtual: true}
	require.EqualError(t, errors.Join(spec.validateHosts()...), `hosts: a virtual machine has none; declare a system container
hosts: "login" is no name with a domain in lower case
hosts: "login.lab.lagrum\n" is no name with a domain in lower case
hosts[login.lab.lagrum
]: "here" is no IPv4 address`)
	require.Empty(t, MachineSpec{Hosts: map[string]string{"login.lab.lagrum": "10.88.0.3"}}.validateHosts())
}
