package bootstrap

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
)

// Data is a node's data disk, on which etcd, containerd, the kubelet and the logs of pods lie.
type Data struct {
	// GiB is the declared size, by which the node knows the disk.
	GiB int
	// KeyServers encrypt it on the node; none where the cloud encrypts it.
	KeyServers []KeyServer
	// Needed is how many of them have to answer before the disk opens.
	Needed int
}

// KeyServer is a Tang server: it helps who reaches it and has the disk to the disk's key, and never learns the key.
type KeyServer struct {
	URL string
	// Thumbprint of its signing key (RFC 7638, SHA-256, base64url): a node believes no other server.
	Thumbprint string
}

// Where the data disk's parts lie on a node.
const (
	dataPath     = "/usr/local/sbin/lagrum-data"
	dataPinPath  = "/etc/lagrum/data.json"
	dataUnitPath = "/etc/systemd/system/lagrum-data.service"
)

//go:embed data.sh
var dataScript string

//go:embed data.service
var dataUnit string

var thumbprint = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

func (d *Data) validate(want func(path, value string, ok bool, remedy string)) {
	if d == nil {
		return
	}
	want("node.data.gib", fmt.Sprint(d.GiB), d.GiB > 0, "a size in GiB")
	for i, server := range d.KeyServers {
		path := fmt.Sprintf("node.data.keyServers[%d]", i)
		u, err := url.Parse(server.URL)
		want(path+".url", server.URL, err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", "an address such as http://keys.example.org")
		want(path+".thumbprint", server.Thumbprint, thumbprint.MatchString(server.Thumbprint), "the 43 characters that tang-show-keys prints")
	}
	if len(d.KeyServers) > 0 {
		want("node.data.needed", fmt.Sprint(d.Needed), d.Needed >= 1 && d.Needed <= len(d.KeyServers), "1 to the number of key servers")
	}
}

// files are what user-data writes for the data disk.
func (d *Data) files() ([]File, error) {
	if d == nil {
		return nil, nil
	}
	files := []File{{dataPath, 0o755, scriptOf(dataScript)}, {dataUnitPath, 0o644, []byte(dataUnit)}}
	if len(d.KeyServers) == 0 {
		return files, nil
	}
	pin, err := d.pin()
	if err != nil {
		return nil, err
	}
	return append(files, File{dataPinPath, 0o644, pin}), nil
}

type (
	tang struct {
		URL        string `json:"url"`
		Thumbprint string `json:"thp"`
	}
	shares struct {
		Needed int               `json:"t"`
		Pins   map[string][]tang `json:"pins"`
	}
)

// pin is what Clevis binds the disk to: a key in shares (Shamir's), one for each server (clevis-encrypt-sss(1)).
func (d *Data) pin() ([]byte, error) {
	config := shares{Needed: d.Needed, Pins: map[string][]tang{}}
	for _, server := range d.KeyServers {
		config.Pins["tang"] = append(config.Pins["tang"], tang(server))
	}
	return json.Marshal(config)
}
