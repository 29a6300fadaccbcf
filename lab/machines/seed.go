package machines

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"

	"gopkg.in/yaml.v3"
)

// The interface of a system container, as systemd-nspawn names it.
const machineInterface = "host0"

// UserDataBytes is what cloud-init gets. A property of a Pulumi resource is text; user-data that is compressed comes as
// base64, as it does to a cloud's API, and is told by gzip's first bytes.
func UserDataBytes(userData string) ([]byte, error) {
	if !strings.HasPrefix(userData, "H4sI") {
		return []byte(userData), nil
	}
	data, err := base64.StdEncoding.DecodeString(userData)
	if err != nil {
		return nil, fmt.Errorf("userData: begins like base64 of gzip but is not: %w; give plain text or base64 of gzip", err)
	}
	return data, nil
}

// seedFiles are what cloud-init's NoCloud reads of a machine, by name; its one interface is called so.
func seedFiles(machine Machine, network Network, name string) (map[string][]byte, error) {
	prefix, err := netip.ParsePrefix(network.CIDR)
	if err != nil {
		return nil, err
	}
	address, err := netip.ParseAddr(machine.Address)
	if err != nil {
		return nil, err
	}
	userData, err := UserDataBytes(machine.UserData)
	if err != nil {
		return nil, err
	}
	meta, err := metaData(machine.Name, machine.UUID)
	if err != nil {
		return nil, err
	}
	config, err := networkConfig(name, address, prefix)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"meta-data": meta, "user-data": userData, "network-config": config}, nil
}

// metaData is cloud-init's NoCloud meta-data. A new instance-id makes cloud-init run everything; the same one makes it
// leave a rebooted machine alone.
func metaData(machine, uuid string) ([]byte, error) {
	return yaml.Marshal(map[string]string{
		"instance-id":    machine + "-" + uuid,
		"local-hostname": machine,
	})
}

// networkConfig is cloud-init's network configuration, version 2.
func networkConfig(name string, address netip.Addr, network netip.Prefix) ([]byte, error) {
	type route struct {
		To  string `yaml:"to"`
		Via string `yaml:"via"`
	}
	type nameservers struct {
		Addresses []string `yaml:"addresses"`
	}
	type ethernet struct {
		Addresses   []string    `yaml:"addresses"`
		Routes      []route     `yaml:"routes"`
		Nameservers nameservers `yaml:"nameservers"`
	}
	host := gateway(network).String()
	return yaml.Marshal(struct {
		Version   int                 `yaml:"version"`
		Ethernets map[string]ethernet `yaml:"ethernets"`
	}{2, map[string]ethernet{name: {
		Addresses:   []string{netip.PrefixFrom(address, network.Bits()).String()},
		Routes:      []route{{"0.0.0.0/0", host}},
		Nameservers: nameservers{[]string{host}},
	}}})
}
