// Package plan decides everything about a site that can be known before the first resource exists.
//
// Resolve is pure: the same site, country and time give the same plan. It either refuses, citing the legal
// requirement that the site would break, or returns a Plan that the rest of the program only transcribes.
package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lagrum/lagrum/requirements"
)

// Plan is the decided shape of one stack. Its JSON form is the golden file that reviewers read.
type Plan struct {
	// Name identifies the stack: "<country>-<environment>" (se-prod), or the environment alone for the lab (dev).
	Name        string `json:"name"`
	Country     string `json:"country"`     // ISO 3166-1 alpha-2, lower case
	Environment string `json:"environment"` // dev, test, prod, dr
	// Protect is true for production and recovery stacks: the engine then refuses to delete keys, stored records,
	// tenants' namespaces and machines, workers excepted that were drained, until a person says for each that it may (pulumi state unprotect).
	Protect bool `json:"protect"`
	// Tags are set on every taggable resource: lagrum.dev/stack, /country, /environment, /operator. What requirements each
	// serves comes with it: see Serves.
	Tags map[string]string `json:"tags"`

	Cloud   Cloud   `json:"cloud"`
	Cluster Cluster `json:"cluster"`
	Network Network `json:"network"`
	// Gateway is nil where the site declares none.
	Gateway *Gateway `json:"gateway,omitempty"`
	Access  Access   `json:"access,omitzero"`
	// Tenants are sorted by name.
	Tenants []Tenant `json:"tenants,omitempty"`
	// Pools are sorted by name, control plane first.
	Pools []Pool `json:"pools"`
	// GuestEncryption is nil where no node encrypts a disk itself.
	GuestEncryption *GuestEncryption `json:"guestEncryption,omitempty"`
	// Watched are the pools on whose nodes intrusion detection watches the kernel, in the order of Pools: all of them, but in a
	// laboratory its virtual machines alone, and none without an image of Falco.
	Watched []string `json:"watched,omitempty"`
	// Retirements are the control-plane nodes that left, oldest first; each is drained and removed from etcd
	// before its machine goes, one after the other.
	Retirements []Retirement `json:"retirements,omitempty"`
	// Stores are the buckets under object lock; none where the site names no place for them, as in a laboratory.
	Stores []Store `json:"stores,omitempty"`
	// Recovery is nil where the site declares none.
	Recovery *Recovery `json:"recovery,omitempty"`
	Duties   Duties    `json:"duties"`
	// Asks are the requirements that bind the site, by the capability that they ask for. Resources that serve one carry
	// them as tags.
	Asks map[requirements.Capability]IDs `json:"asks"`
	// Waivers are the site's waivers that turned a refusal of this plan into a warning.
	Waivers []Waiver `json:"waivers,omitempty"`
}

// JSON is the plan as reviewers read it: indented, the same bytes for the same plan.
func (p Plan) JSON() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(p); err != nil {
		return nil, fmt.Errorf("plan %s: %w", p.Name, err)
	}
	return out.Bytes(), nil
}

// Cloud names where the stack runs. Exactly one cloud per site.
type Cloud struct {
	Kind   string `json:"kind"` // lab, openstack, aws
	Region string `json:"region"`
	// Zones is the ordered union of the pools' zones.
	Zones []string `json:"zones"`
	// OpenStack and AWS hold what the adapter of that cloud needs besides; nil on the others.
	OpenStack *OpenStack `json:"openstack,omitempty"`
	AWS       *AWS       `json:"aws,omitempty"`
}

// OpenStack holds the facts of an OpenStack project.
type OpenStack struct {
	AuthURL         string `json:"authURL"` // Keystone's, with its version
	Project         string `json:"project"`
	ExternalNetwork string `json:"externalNetwork"` // id; the way out
	// ExternalNetworkName is where a public gateway takes its address from; empty where there is none.
	ExternalNetworkName string `json:"externalNetworkName,omitempty"`
	Image               string `json:"image"` // id
	// VolumeType is one that an administrator made with encryption. The plan refuses a site without.
	VolumeType string `json:"volumeType"`
	// DataVolumeType is the type of data disks where the nodes encrypt them; else VolumeType.
	DataVolumeType string `json:"dataVolumeType"`
}

// AWS holds the facts of an account at Amazon Web Services.
type AWS struct {
	Account string `json:"account"` // the provider refuses to work in another
	Image   string `json:"image"`   // id of the machine image
}

// Cluster holds the facts of the Kubernetes cluster.
type Cluster struct {
	Name string `json:"name"` // unique physical name, DNS label
	// Identifier goes to the Kubernetes provider as clusterIdentifier: the provider is replaced only when it changes.
	Identifier string `json:"identifier"`
	Domain     string `json:"domain"`  // cluster DNS domain, e.g. cluster.local
	Version    string `json:"version"` // v1.36.3
	EtcdTag    string `json:"etcdTag"` // image tag of etcd, e.g. 3.6.5-0
	PauseTag   string `json:"pauseTag"`
	CoreDNSTag string `json:"coreDNSTag"`
	// Registry is the mirror that every image comes from; empty means the upstream registries.
	Registry string `json:"registry,omitempty"`
	// Digests are those of the images, by <upstream repository>:<tag>, as far as the checkout's lock file has them. They are not
	// the site's: who has the lock file fills them in.
	Digests     map[string]string `json:"digests,omitempty"`
	ServiceCIDR string            `json:"serviceCIDR"`
	PodCIDR     string            `json:"podCIDR"`
	DNSAddress  string            `json:"dnsAddress"` // tenth address of ServiceCIDR
	APIPort     int               `json:"apiPort"`    // 6443
	// APISources are the ranges outside the node network that may reach the API; never 0.0.0.0/0.
	APISources []string `json:"apiSources"`

	// Encryption are the steps by which the key of encryption in etcd changed; the last one that is complete holds.
	Encryption []EncryptionStep `json:"encryption"`

	// Login is nil where only the administrator's certificate opens the API.
	Login *Login `json:"login,omitempty"`

	AdminCertificate Lifetime `json:"adminCertificate"`
	// AuthorityHours is how long CA certificates live. No update renews them: a new authority has to reach every node
	// before anything is signed with it.
	AuthorityHours int    `json:"authorityHours"`
	Join           Window `json:"join"`
}

// Lifetime is how long a certificate lives and how long before its end any update renews it.
type Lifetime struct {
	Hours       int `json:"hours"`
	RenewBefore int `json:"renewBeforeHours"`
}

// Window is the time in which a join credential is good. It moves with every update; machines that exist keep
// what they were born with.
type Window struct {
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
}

// Network holds the facts of the node network and the pod network.
type Network struct {
	NodeCIDR string `json:"nodeCIDR"`
	// Encryption of node-to-node traffic: "wireguard", or "none" where the lab's kernel has no WireGuard.
	Encryption string `json:"encryption"`
	MTU        int    `json:"mtu"` // of pod interfaces
}

// How node-to-node traffic is protected.
const (
	WireGuard    = "wireguard"
	NotEncrypted = "none" // only where the lab's kernel has no WireGuard
)

// Role of a node pool.
type Role string

// The two roles.
const (
	ControlPlane Role = "control-plane"
	Worker       Role = "worker"
)

// Pool is a set of like nodes.
type Pool struct {
	Name string `json:"name"`
	Role Role   `json:"role"`
	Size string `json:"size"` // a name the cloud adapter maps to a flavour or instance type
	// Virtual machines of the lab have a kernel and disks of their own; false in a cloud, where nothing else exists.
	Virtual bool              `json:"virtual,omitempty"`
	Disks   []Disk            `json:"disks"`
	Labels  map[string]string `json:"labels,omitempty"`
	Nodes   []Node            `json:"nodes"`
}

// Disk of a node. There is no unencrypted disk; on the lab encryption is not provable and said so.
type Disk struct {
	Name string `json:"name"` // root, data
	GiB  int    `json:"gib"`
	// EncryptedBy says who encrypts it, the cloud below the machine, the guest inside it, or both. Only the root disks of a
	// lab have nobody.
	EncryptedBy []Encryption `json:"encryptedBy,omitempty"`
}

// Encryption is who encrypts a disk.
type Encryption string

// Who can.
const (
	ByCloud Encryption = "cloud"
	ByGuest Encryption = "guest" // LUKS2
)

// GuestEncryption is how nodes get at the keys of the disks that they encrypt themselves.
type GuestEncryption struct {
	KeyServers []KeyServer `json:"keyServers"`
	// Needed is how many of them have to answer.
	Needed int `json:"needed"`
}

// KeyServer is a Tang server.
type KeyServer struct {
	URL        string `json:"url"`
	Thumbprint string `json:"thumbprint"` // of its signing key, RFC 7638, SHA-256
}

// Node is one machine.
type Node struct {
	// Name is "<pool>-<slot>-g<generation>": a stable identity, never an index into a slice.
	Name       string `json:"name"`
	Slot       int    `json:"slot"` // from 1
	Zone       string `json:"zone"`
	Generation int    `json:"generation"` // from 1
	// Initialises marks the one node that ran kubeadm init, while it lives. Its replacement joins.
	Initialises bool `json:"initialises,omitempty"`
	// Leaving marks a worker on its way out: its machine stays for now, and it is drained and taken out of the cluster.
	Leaving bool `json:"leaving,omitempty"`
	// EncryptionKeys are what a control plane is born with; EncryptionAfter is what all others must have come to before it joins,
	// or nil.
	EncryptionKeys  Keys `json:"encryptionKeys,omitempty"`
	EncryptionAfter Keys `json:"encryptionAfter,omitempty"`
}

// Retirement is a control-plane node that was replaced.
type Retirement struct {
	Node        string `json:"node"`        // cp-1-g1
	Replacement string `json:"replacement"` // cp-1-g2
}

// Recovery holds the site's recovery targets.
type Recovery struct {
	Of         string `json:"of,omitempty"` // the stack that this one takes the place of
	RPOMinutes int    `json:"rpoMinutes"`   // work that may be lost
	RTOMinutes int    `json:"rtoMinutes"`   // time that the rebuild may take
}

// Duties are what the country's law asks of the stack, as decided for this site. Every value names the requirements
// that it rests on, by their ids in the catalogue; how they are printed is decided there.
type Duties struct {
	// Overlays are the rules for one kind of operator that were laid on, e.g. dk-state.
	Overlays []string `json:"overlays,omitempty"`
	// Residency lists the countries where data may lie.
	Residency      []string   `json:"residency"`
	ResidencyCites []string   `json:"residencyCites"`
	Logs           []LogClass `json:"logs"`
	RecordYears    int        `json:"recordYears"`
	RecordCites    []string   `json:"recordCites"`
	BackupMinutes  int        `json:"backupMinutes"` // interval between backups; 0 where none are made
	BackupCites    []string   `json:"backupCites"`
	// RestoreTestDays is the longest time between restore tests, 0 where none are rehearsed.
	RestoreTestDays  int      `json:"restoreTestDays"`
	RestoreTestCites []string `json:"restoreTestCites"`
	// ReviewDays is the longest time between evaluations of the protection; 0 where the law names none.
	ReviewDays  int      `json:"reviewDays"`
	ReviewCites []string `json:"reviewCites"`
	// MFA is true where every source of identities must ask for more than one factor.
	MFA         bool     `json:"mfa"`
	MFACites    []string `json:"mfaCites"`
	TLSMinimum  string   `json:"tlsMinimum"` // 1.2 or 1.3
	TLSCites    []string `json:"tlsCites"`
	TimeSource  string   `json:"timeSource,omitempty"` // empty: the cloud's
	TimeCites   []string `json:"timeCites"`
	DNSSEC      bool     `json:"dnssec"`
	DNSSECCites []string `json:"dnssecCites,omitempty"`
	// Patch and scan limits in days; absent where the law names none.
	PatchInternetDays int      `json:"patchInternetDays,omitempty"` // what the Internet reaches
	PatchInternalDays int      `json:"patchInternalDays,omitempty"`
	PatchCites        []string `json:"patchCites,omitempty"`
	ScanDays          int      `json:"scanDays,omitempty"` // of the public addresses
	ScanCites         []string `json:"scanCites,omitempty"`
}

// LogClass is one class of log with its floor (object lock) and ceiling (lifecycle), in days.
type LogClass struct {
	Name        string   `json:"name"` // patient-access, platform-security
	FloorDays   int      `json:"floorDays"`
	CeilingDays int      `json:"ceilingDays"`
	Cites       []string `json:"cites"`
}
