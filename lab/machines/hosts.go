package machines

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// localHosts are Debian's own lines of /etc/hosts.
const localHosts = "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\nff02::1\t\tip6-allnodes\nff02::2\t\tip6-allrouters\n"

var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)

func (s MachineSpec) validateHosts() (errs []error) {
	if s.Virtual && len(s.Hosts) > 0 {
		errs = append(errs, fmt.Errorf("hosts: a virtual machine has none; declare a system container"))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Hosts)) {
		if !hostName.MatchString(name) {
			errs = append(errs, fmt.Errorf("hosts: %q is no name with a domain in lower case", name))
		}
		if address, err := netip.ParseAddr(s.Hosts[name]); err != nil || !address.Is4() {
			errs = append(errs, fmt.Errorf("hosts[%s]: %q is no IPv4 address", name, s.Hosts[name]))
		}
	}
	return errs
}

// hostsFile is a machine's /etc/hosts. Pods on its network have the same.
func hostsFile(hosts map[string]string) []byte {
	var b strings.Builder
	b.WriteString(localHosts)
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		fmt.Fprintf(&b, "%s\t%s\n", hosts[name], name)
	}
	return []byte(b.String())
}
