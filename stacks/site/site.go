// Package site is the typed description of one stack: who runs it, where, for whom, and how large.
//
// It is the only door for configuration. Load reads the config key lagrum:site strictly, fills defaults and reports
// every mistake at once, so that what comes after may trust each field. The package knows no law: whether a site is
// lawful is for stacks/plan to say. It holds no secret either: see Secrets.
package site

import "strings"

//go:generate go run ./internal/sitedoc . ../../docs/site.md

// Site is the whole description of one stack. Fields without a default are required unless they say otherwise.
type Site struct {
	// Country whose law the stack answers to: ISO 3166-1 alpha-2 in lower case.
	Country Country `yaml:"country" example:"se"`
	// Environment is what the stack is for: dev, test, prod, or dr (the recovery of another stack).
	Environment Environment `yaml:"environment" example:"prod"`
	// Operator is the care provider, or its supplier, that answers for the stack.
	Operator Operator `yaml:"operator"`
	// DataCentre is the place where the machines stand.
	DataCentre DataCentre `yaml:"dataCentre"`
	// Cloud holds exactly one cloud with the facts that are true of it alone.
	Cloud Cloud `yaml:"cloud"`
	// Cluster holds the facts of the Kubernetes cluster.
	Cluster Cluster `yaml:"cluster"`
	// NodePools are the sets of like nodes: exactly one pool of control planes, and any number of worker pools.
	NodePools []Pool `yaml:"nodePools"`
	// GuestEncryption has every node encrypt its data disk by itself, under a key that no cloud knows. Required where the
	// cloud encrypts none: for dataVolumeType on OpenStack, and for the lab's virtual machines.
	GuestEncryption *GuestEncryption `yaml:"guestEncryption,omitempty"`
	// Gateway is the one door for web traffic to what runs in the cluster. Absent: none.
	Gateway *Gateway `yaml:"gateway,omitempty"`
	// Identity says who vouches for the people that log in. At least one connector in prod and dr.
	Identity Identity `yaml:"identity,omitempty"`
	// Access says which groups work for the platform. Absent: only the administrator's certificate does.
	Access *Access `yaml:"access,omitempty"`
	// Tenants each get a namespace of their own, closed until they open it.
	Tenants []Tenant `yaml:"tenants,omitempty"`
	// Retention says how long logs and records are kept.
	Retention Retention `yaml:"retention"`
	// ObjectStore is the S3 store that the audit archive and the snapshots of etcd lie in. Absent on AWS: the account's
	// own, in the stack's region. On OpenStack, required in prod and dr: it has no store of its own whose lock holds.
	ObjectStore *ObjectStore `yaml:"objectStore,omitempty"`
	// Backup says where backups go and how often they are made. Absent: none are made.
	Backup *Backup `yaml:"backup,omitempty"`
	// Recovery holds the site's recovery targets, and in dr the stack that it replaces.
	Recovery *Recovery `yaml:"recovery,omitempty"`
	// Registry is the mirror that every image is pulled from. Absent: the upstream registries.
	Registry Registry `yaml:"registry,omitempty" example:"registry.example.org/mirror"`
	// ListedSystem is true for a system on the Danish list of systems that must stay in Denmark (DK-DBL-3-9).
	ListedSystem bool `yaml:"listedSystem,omitempty"`
	// Waivers each turn one legal refusal into a warning until a date.
	Waivers []Waiver `yaml:"waivers,omitempty"`
}

// Redact returns a copy without what points to a person: contacts and the owners of waivers. For reports and logs
// that leave the operator.
func (s Site) Redact() Site {
	s.Operator.Contacts = s.Operator.Contacts.Redact()
	waivers := make([]Waiver, len(s.Waivers))
	for i, w := range s.Waivers {
		waivers[i] = w.Redact()
	}
	if s.Waivers != nil {
		s.Waivers = waivers
	}
	return s
}

// Operator is who answers for the stack.
type Operator struct {
	// Name of the organisation.
	Name Text `yaml:"name" example:"Region Example"`
	// Kind of organisation: region, municipality, company or state. The law differs between them.
	Kind OperatorKind `yaml:"kind" example:"region"`
	// Contacts are the people to reach. Required in prod and dr.
	Contacts Contacts `yaml:"contacts,omitempty"`
}

// Contacts of an operator; alerts and reports go to them.
type Contacts struct {
	// Security is told of incidents. Required in prod and dr.
	Security Contact `yaml:"security,omitempty"`
	// OnCall answers at any hour. Required in prod and dr.
	OnCall Contact `yaml:"onCall,omitempty"`
	// DataProtection is the data protection officer.
	DataProtection Contact `yaml:"dataProtection,omitempty"`
}

// Contact is one way to reach someone: a function's mailbox rather than a person's.
type Contact struct {
	// Email address.
	Email Email `yaml:"email" example:"security@example.org"`
	// Phone number in E.164 form.
	Phone Phone `yaml:"phone,omitempty" example:"+46101234567"`
}

// Redact returns contacts that reach nobody, present where they were present.
func (c Contacts) Redact() Contacts {
	return Contacts{Security: c.Security.Redact(), OnCall: c.OnCall.Redact(), DataProtection: c.DataProtection.Redact()}
}

// Redact returns a contact at a domain that cannot exist (RFC 2606), without a number; no contact stays none.
func (c Contact) Redact() Contact {
	if c == (Contact{}) {
		return c
	}
	return Contact{Email: legal[Email]("redacted@redacted.invalid")}
}

// DataCentre is the place where the machines stand.
type DataCentre struct {
	// Name of the data centre or of the provider's offering.
	Name Text `yaml:"name" example:"Example Data Centre 1"`
	// Country in which the building stands.
	Country Country `yaml:"country" example:"se"`
	// Region is the provider's own name of the place.
	Region Region `yaml:"region" example:"sto-1"`
	// Certificate of the provider's information security. Absent: none is claimed.
	Certificate *Certificate `yaml:"certificate,omitempty"`
}

// Certificate is a provider's certificate or assurance report.
type Certificate struct {
	// Standard that it certifies.
	Standard Text `yaml:"standard" example:"ISO/IEC 27001:2022"`
	// ID is the certificate's number.
	ID Text `yaml:"id" example:"EX-27001-0001"`
	// Issuer is the accredited body that signed it.
	Issuer Text `yaml:"issuer" example:"Example Certification AB"`
	// ValidUntil is its last day.
	ValidUntil Date `yaml:"validUntil" example:"\"2027-06-30\""`
}

// Cloud holds exactly one cloud.
type Cloud struct {
	// OpenStack is any OpenStack cloud.
	OpenStack *OpenStack `yaml:"openstack,omitempty"`
	// AWS is Amazon Web Services.
	AWS *AWS `yaml:"aws,omitempty"`
	// Lab is the laboratory on one machine.
	Lab *Lab `yaml:"lab,omitempty"`
}

// OpenStack holds the facts of an OpenStack cloud. Its credential is a secret of the stack.
type OpenStack struct {
	// AuthURL is the address of Keystone.
	AuthURL URL `yaml:"authURL" example:"https://identity.example.org:5000/v3"`
	// Region of the cloud.
	Region Region `yaml:"region" example:"sto-1"`
	// Project that owns the stack.
	Project Text `yaml:"project" example:"care-prod"`
	// ExternalNetwork is the id of the network through which nodes reach the outside. Nothing reaches them from there.
	ExternalNetwork UUID `yaml:"externalNetwork" example:"8b1c9a52-5d0e-4f53-a3a5-2d9f7b0c6e11"`
	// ExternalNetworkName is the name of that network. Required for a public gateway, whose address is taken from it.
	ExternalNetworkName Text `yaml:"externalNetworkName,omitempty" example:"external"`
	// Image is the id of the image that nodes boot from, with Kubernetes at the cluster's version.
	Image UUID `yaml:"image" example:"0d4f7c1e-9b1a-4c57-8f6e-3f0d2b9a7c44"`
	// EncryptedVolumeType is the volume type that the cloud's administrators made with encryption. Every disk is of it, but
	// for those of dataVolumeType; a site without one is refused.
	EncryptedVolumeType Text `yaml:"encryptedVolumeType,omitempty" example:"luks"`
	// DataVolumeType is the volume type of data disks where it is one that the cloud cannot encrypt, fast local disks say.
	// The nodes then encrypt them: see guestEncryption. Absent: encryptedVolumeType.
	DataVolumeType Text `yaml:"dataVolumeType,omitempty" example:"local-nvme"`
}

// AWS holds the facts of an account at Amazon Web Services.
type AWS struct {
	// Region of the account.
	Region Region `yaml:"region" example:"eu-north-1"`
	// Account is the twelve-digit number of the account; the program refuses to work in another.
	Account Account `yaml:"account" example:"\"123456789012\""`
	// Image is the id of the machine image that nodes boot from, with Kubernetes at the cluster's version.
	Image Text `yaml:"image" example:"ami-0123456789abcdef0"`
	// StoreRole is the ARN of the role, in the same account, that administers the buckets of the audit archive and of
	// etcd's snapshots. The program assumes it for them, and their settings obey nobody else. Required in prod and dr
	// where objectStore names no other store.
	StoreRole RoleARN `yaml:"storeRole,omitempty" example:"arn:aws:iam::123456789012:role/lagrum-stores"`
}

// Lab holds the facts of the machine that the laboratory runs on.
type Lab struct {
	// WireGuard says that the machine's kernel has WireGuard, so that node-to-node traffic is encrypted.
	WireGuard bool `yaml:"wireguard,omitempty"`
	// FalcoImage says that the lab has an image of Falco: an archive lab/images.d/falco*.tar, which nothing here can fetch. What
	// runs on its virtual machines is then watched; on system containers it cannot be.
	FalcoImage bool `yaml:"falcoImage,omitempty"`
}

// Cluster holds the facts of the Kubernetes cluster.
type Cluster struct {
	// Name is part of every physical name: a DNS label of at most 24 characters.
	Name Name `yaml:"name" example:"se-prod"`
	// Version of Kubernetes.
	Version Version `yaml:"version" example:"v1.36.3"`
	// Domain of the names inside the cluster.
	Domain Domain `yaml:"domain" example:"cluster.local"`
	// ServiceCIDR holds the addresses of services: IPv4, /12 to /24 (the API server's own limit is /12).
	ServiceCIDR CIDR `yaml:"serviceCIDR" example:"10.96.0.0/16"`
	// PodCIDR holds the addresses of pods: IPv4, a /24 for each node.
	PodCIDR CIDR `yaml:"podCIDR" example:"10.244.0.0/16"`
	// NodeCIDR holds the addresses of nodes: IPv4, with room for every node and for the largest pool once more,
	// since a replacement is made before its predecessor goes.
	NodeCIDR CIDR `yaml:"nodeCIDR" example:"172.31.0.0/20"`
	// InitialisedBy is the node that ran kubeadm init: a fact of history that is never changed while the cluster
	// lives; every other node joins. A site that is rebuilt from nothing after that node was replaced names one of
	// its present nodes. Default: the first node that the control-plane pool ever had, e.g. cp-1-g1.
	InitialisedBy Name `yaml:"initialisedBy,omitempty" example:"cp-1-g1"`
	// APISources are the networks that may reach the API. The whole Internet is refused.
	APISources []CIDR `yaml:"apiSources,omitempty" example:"[192.0.2.0/24]"`
	// JoinLifetime is how long a new machine may use the credential that it joins with: 10m to 24h.
	JoinLifetime Duration `yaml:"joinLifetime" example:"2h"`
	// Encryption is how the key changed that Secrets are encrypted with in etcd, oldest step first; see
	// docs/runbooks/encryption-key.md. Once a change is over, its last step alone may stay. Absent: key 1.
	Encryption []EncryptionStep `yaml:"encryption,omitempty"`
}

// EncryptionStep says which keys a control plane is born with, by their numbers.
type EncryptionStep struct {
	// Writes is the key that everything is written with.
	Writes int `yaml:"writes" example:"1"`
	// Reads is a key that is only read with: the next one before it writes, or the last one until nothing is left of it.
	Reads []int `yaml:"reads,omitempty" example:"[2]"`
	// After is how many replacements the control-plane pool had when the step was declared. Later ones are born with its keys.
	After int `yaml:"after,omitempty" example:"3"`
}

// Pool is a set of like nodes, named <pool>-<slot>-g<generation> with slots from 1 to Count.
type Pool struct {
	// Name of the pool: a DNS label of at most 20 characters, unique in the site.
	Name Name `yaml:"name" example:"workers"`
	// Role of its nodes: control-plane or worker.
	Role Role `yaml:"role" example:"worker"`
	// Count of nodes. Workers: 0 to 1000; list the nodes of slots that it no longer has under leaving. Control planes: 1 or 3, and never lowered while the cluster lives: the machines
	// would go without having left etcd, and those that stay would have no quorum.
	Count int `yaml:"count" example:"3"`
	// Zones that the nodes are spread over in turn.
	Zones []Zone `yaml:"zones" example:"[a, b, c]"`
	// Size is the cloud's name of the machine type. In the lab: 2c2g is a system container with 2 cores and 2 GiB, vm-2c2g a
	// virtual machine, with a kernel and disks of its own.
	Size Text `yaml:"size" example:"m5.large"`
	// Disks of each node: root, and data where etcd, containerd, the kubelet and the logs of pods are to lie on a disk of
	// their own. All are encrypted.
	Disks []Disk `yaml:"disks"`
	// Labels of each node, besides those that Kubernetes sets.
	Labels map[string]string `yaml:"labels,omitempty" example:"{example.org/zone: clinical}"`
	// Generation of a worker pool: the next number makes all of its nodes anew; list the former ones under leaving.
	// Control planes stay at 1.
	Generation int `yaml:"generation" example:"2"`
	// Replacements are the slots of the control-plane pool that were replaced, oldest first. Entries are only ever
	// appended: the generation of a slot is 1 plus the times it is listed.
	Replacements []int `yaml:"replacements,omitempty" example:"[1, 3, 1]"`
	// Leaving are nodes of a worker pool on their way out: of an earlier generation, or of a slot above count. They keep
	// their machines, and the next update drains them and takes them out of the cluster; once that is done they are taken
	// out of this list, and the update after it deletes the machines.
	Leaving []Name `yaml:"leaving,omitempty" example:"[workers-7-g2]"`
}

// Gateway is a load balancer of its own, apart from the API's. It takes ports 443 and 80, and the workers are behind it.
type Gateway struct {
	// Public gives it an address on the Internet. Without, it has one in the node network alone.
	Public bool `yaml:"public,omitempty"`
	// Sources are the networks that may reach it, at least one. The whole Internet, 0.0.0.0/0, is for a public one only.
	Sources []CIDR `yaml:"sources" example:"[192.0.2.0/24]"`
}

// Disk of a node.
type Disk struct {
	// Name of the disk: root or data.
	Name Name `yaml:"name" example:"root"`
	// GiB is its size: 1 to 16384, root at least 20.
	GiB int `yaml:"gib" example:"40"`
}

// GuestEncryption is LUKS2 on the nodes' data disks. A node opens its disk with the help of key servers (Tang), on every
// boot: no key is stored anywhere, and a disk that leaves their network stays closed.
type GuestEncryption struct {
	// KeyServers of the operator, in places that do not fail together.
	KeyServers []KeyServer `yaml:"keyServers"`
	// Needed is how many of them have to answer: 1 to all of them.
	Needed int `yaml:"needed" example:"1"`
}

// KeyServer is a Tang server. It learns no key, and what it answers opens nothing without the disk.
type KeyServer struct {
	// URL of the server. http will do: the protocol keeps its own secrets, and the thumbprint says who answers.
	URL WebURL `yaml:"url" example:"http://keys-1.example.org"`
	// Thumbprint of its signing key, as tang-show-keys prints it.
	Thumbprint Thumbprint `yaml:"thumbprint" example:"QxvSWP9AxWc3068uGsNnmTBRVUL8dX1nwbKK_inyHDU"`
}

// Identity says who vouches for people.
type Identity struct {
	// Connectors to the organisations that people log in with.
	Connectors []Connector `yaml:"connectors,omitempty"`
	// Login opens the API to people and pipelines with tokens. Absent: to the administrator's certificate alone.
	Login *Login `yaml:"login,omitempty"`
}

// Login says who issues the tokens that the API servers take, and for how long they are good.
type Login struct {
	// Issuer is the address of Dex, exactly as its tokens name it: https, a host's name, port 443. The name leads to the
	// gateway, for control planes by their own DNS as for everybody else.
	Issuer URL `yaml:"issuer" example:"https://login.example.org/dex"`
	// Lasts is how long a person's token is good: 1m to 1h. Nothing takes one back before its end.
	Lasts Duration `yaml:"lasts" example:"10m"`
	// Idle is how long a login lasts unused: 5m to 24h.
	Idle Duration `yaml:"idle" example:"1h"`
	// Limit is how long a login lasts at most: idle to 7d.
	Limit Duration `yaml:"limit" example:"12h"`
	// Pipelines are issuers of tokens for work without a person, each of its own.
	Pipelines []Pipeline `yaml:"pipelines,omitempty"`
}

// Pipeline is an issuer of tokens for work without a person, such as that of a CI service.
type Pipeline struct {
	// Name in audit logs, where its subjects are pipeline:<name>:<subject>; unique in the site.
	Name Name `yaml:"name" example:"ci"`
	// Issuer is the address of the tokens' issuer, exactly as they name it; another than Dex and than any other pipeline's.
	Issuer URL `yaml:"issuer" example:"https://ci.example.org"`
	// Audience that the tokens are for: this cluster's, not kubernetes.
	Audience Text `yaml:"audience" example:"se-prod"`
	// Subjects are the only values of the claim sub that are taken, at least one.
	Subjects []Text `yaml:"subjects" example:"[\"project:care/platform:ref:main\"]"`
	// Tenants are those in whose namespaces it deploys. Absent: it may do nothing but say who it is.
	Tenants []Name `yaml:"tenants,omitempty" example:"[journal]"`
}

// Access are groups, as the identity provider calls them, and what their people may do. A group has one of these tasks, and
// develops for no tenant: who runs a cluster, who watches over it and who looks into it afterwards are not the same.
type Access struct {
	// Operators keep the cluster running: they see everything but Secrets, drain nodes and restart pods. They change no
	// workload and give no rights: that is the program's.
	Operators []Text `yaml:"operators,omitempty" example:"[platform-operators]"`
	// SecurityOfficers see the rules, and take away the access of people and pipelines.
	SecurityOfficers []Text `yaml:"securityOfficers,omitempty" example:"[platform-security]"`
	// Auditors see what is declared, rules and rights included. They change nothing.
	Auditors []Text `yaml:"auditors,omitempty" example:"[auditors]"`
	// BreakGlass may do everything. Leave the group empty at the provider, and put somebody in for an emergency.
	BreakGlass []Text `yaml:"breakGlass,omitempty" example:"[platform-emergency]"`
}

// Connector is one source of identities. Its client secret (oidc) or bind password (ldap) is a secret of the stack,
// lagrum:connectorSecret-<name>. Logins by saml and github are not built.
type Connector struct {
	// Name of the connector, unique in the site.
	Name Name `yaml:"name" example:"region-idp"`
	// Type: oidc, ldap, saml, github, or static (lab only).
	Type ConnectorType `yaml:"type" example:"oidc"`
	// URL of the issuer (oidc), the sign-on service (saml) or the directory (ldap, as ldaps://). None for static;
	// optional for github, where it names an enterprise server.
	URL URL `yaml:"url,omitempty" example:"https://idp.example.org"`
	// MFA says that this source enforces more than one factor for everybody it lets in.
	MFA bool `yaml:"mfa,omitempty"`
	// ClientID is what the provider calls Dex (oidc). Required where there is a login.
	ClientID Text `yaml:"clientID,omitempty" example:"lagrum-se-prod"`
	// GroupsClaim is the claim of the provider's tokens that holds a person's groups (oidc). Absent: groups.
	GroupsClaim Text `yaml:"groupsClaim,omitempty" example:"roles"`
	// Authority is what signed the certificate of the service (oidc, ldap), as PEM. Absent: what public authorities signed.
	Authority Certificates `yaml:"authority,omitempty"`
	// Directory says where a directory keeps people and groups (ldap). Required where there is a login.
	Directory *Directory `yaml:"directory,omitempty"`
}

// Directory says where an LDAP directory keeps people and groups.
type Directory struct {
	// BindDN is the account by which Dex searches. It needs to read what is named here and nothing else.
	BindDN DN `yaml:"bindDN" example:"cn=dex,ou=services,dc=example,dc=org"`
	// People are found by what they type.
	People DirectoryPeople `yaml:"people"`
	// Groups are found by their members.
	Groups DirectoryGroups `yaml:"groups"`
}

// DirectoryPeople says which entries of a directory are people, and what their attributes mean.
type DirectoryPeople struct {
	// Base is the entry below which they are.
	Base DN `yaml:"base" example:"ou=people,dc=example,dc=org"`
	// Filter that they match (RFC 4515).
	Filter Filter `yaml:"filter" example:"(objectClass=person)"`
	// Login is the attribute that people type: their name at the login.
	Login Attribute `yaml:"login" example:"uid"`
	// ID is the attribute that never becomes another person's.
	ID Attribute `yaml:"id" example:"uid"`
	// Email is the attribute with the address that the API server calls people by.
	Email Attribute `yaml:"email" example:"mail"`
}

// DirectoryGroups says which entries of a directory are groups, and who is in them.
type DirectoryGroups struct {
	// Base is the entry below which they are.
	Base DN `yaml:"base" example:"ou=groups,dc=example,dc=org"`
	// Filter that they match (RFC 4515).
	Filter Filter `yaml:"filter" example:"(objectClass=groupOfNames)"`
	// Member is the attribute of a group that lists its people.
	Member Attribute `yaml:"member" example:"member"`
	// Person is the attribute of a person by which Member lists them; DN is their whole name in the directory.
	Person Attribute `yaml:"person" example:"DN"`
	// Name is the attribute that holds the group's name.
	Name Attribute `yaml:"name" example:"cn"`
}

// Tenant is a team, or a system, that shares the cluster with others.
type Tenant struct {
	// Name of the tenant, unique in the site, and of its namespace. Not default, nor one that begins with kube- or lagrum.
	Name Name `yaml:"name" example:"journal"`
	// Developers are the groups that work in the namespace, as the identity provider calls them: at least one. No group of
	// Kubernetes itself.
	Developers []Text `yaml:"developers" example:"[journal-developers]"`
	// CPU is how many cores its pods may ask for together: 1 to 10000.
	CPU int `yaml:"cpu" example:"16"`
	// MemoryGiB is how much memory they may ask for, and be let to use, together: 1 to 100000.
	MemoryGiB int `yaml:"memoryGiB" example:"64"`
	// StorageGiB is how much its volumes may hold together: 0 to 1000000.
	StorageGiB int `yaml:"storageGiB" example:"500"`
	// Pods is how many may be there at a time: 1 to 10000.
	Pods int `yaml:"pods" example:"100"`
}

// Retention says how long logs and records are kept.
type Retention struct {
	// Logs by class, each class once: the law gives floors, but how long is long enough is the operator's to say.
	Logs []LogRetention `yaml:"logs"`
	// RecordYears is how many years records are kept, 1 to 100. Absent: what the country asks, where a rule
	// of it names a number.
	RecordYears int `yaml:"recordYears,omitempty" example:"10"`
}

// LogRetention is the retention of one class of log.
type LogRetention struct {
	// Class of log: patient-access or platform-security.
	Class LogClass `yaml:"class" example:"patient-access"`
	// FloorDays is how long nobody can delete it: the object lock.
	FloorDays Days `yaml:"floorDays" example:"1827"`
	// CeilingDays is when it is deleted.
	CeilingDays Days `yaml:"ceilingDays" example:"3650"`
}

// Backup says where backups go and how often they are made.
type Backup struct {
	// Interval between backups: 15m to 7d.
	Interval Duration `yaml:"interval" example:"12h"`
	// TTL is how long a backup is kept: at least twice the interval, at most 3650d.
	TTL Duration `yaml:"ttl" example:"60d"`
	// Country in which backups lie.
	Country Country `yaml:"country" example:"se"`
	// Region in which backups lie.
	Region Region `yaml:"region" example:"got-1"`
	// Account or project that owns them; another than the stack's own.
	Account Text `yaml:"account" example:"care-backup"`
	// Endpoint of the S3 store, with lock, that backups lie in. Absent on AWS: S3 in the region and account above. On
	// OpenStack, required in prod and dr.
	Endpoint URL `yaml:"endpoint,omitempty" example:"https://s3.got-1.example.org"`
	// Role is the ARN of the role that administers the bucket in the account above; the program assumes it. Required in
	// prod and dr where there is no endpoint.
	Role RoleARN `yaml:"role,omitempty" example:"arn:aws:iam::210987654321:role/lagrum-stores"`
}

// Recovery holds the recovery targets of the site.
type Recovery struct {
	// Of is the stack that this one takes the place of. Required in dr, and only there.
	Of Name `yaml:"of,omitempty" example:"se-prod"`
	// RPO is how much time's work may be lost; backups are at least as frequent.
	RPO Duration `yaml:"rpo" example:"24h"`
	// RTO is how long the rebuild may take.
	RTO Duration `yaml:"rto" example:"4h"`
	// RestoreTestInterval is the longest time between two rehearsals.
	RestoreTestInterval Duration `yaml:"restoreTestInterval" example:"180d"`
	// From says where the backups of the lost stack lie: its own backup section, once more, since no site knows another.
	// Required in dr, and only there.
	From *BackupPlace `yaml:"from,omitempty"`
}

// Waiver turns the refusal that one requirement causes into a warning, until a date. After it the refusal is back.
type Waiver struct {
	// Requirement is the id of the requirement in the catalogue.
	Requirement RequirementID `yaml:"requirement" example:"SE-PDL-3-17"`
	// Reason why the site may differ for now: at least 20 characters.
	Reason Text `yaml:"reason" example:"The provider's recertification audit is booked for May."`
	// Owner is who decided it.
	Owner Text `yaml:"owner" example:"Head of information security"`
	// Until is the waiver's last day.
	Until Date `yaml:"until" example:"\"2026-12-31\""`
}

// Redact returns the waiver without the name of its owner.
func (w Waiver) Redact() Waiver {
	w.Owner = legal[Text]("[redacted]")
	return w
}

// Stack is the name of the stack that the site describes: <country>-<environment>, or in the lab the environment.
func (s *Site) Stack() string {
	if s.Cloud.Lab != nil {
		return string(s.Environment)
	}
	return s.Country.String() + "-" + string(s.Environment)
}

// ControlPlane returns the pool of control planes, or nil in a site that Load would refuse.
func (s *Site) ControlPlane() *Pool {
	for i := range s.NodePools {
		if s.NodePools[i].Role == ControlPlane {
			return &s.NodePools[i]
		}
	}
	return nil
}

// Virtual tells whether a pool of the lab is of virtual machines.
func (p *Pool) Virtual() bool { return strings.HasPrefix(p.Size.String(), "vm-") }

// Data is the pool's data disk, or nil.
func (p *Pool) Data() *Disk {
	for i := range p.Disks {
		if p.Disks[i].Name.String() == "data" {
			return &p.Disks[i]
		}
	}
	return nil
}

// Kind names the cloud as the plan does: openstack, aws or lab.
func (c *Cloud) Kind() string {
	switch {
	case c.OpenStack != nil:
		return "openstack"
	case c.AWS != nil:
		return "aws"
	case c.Lab != nil:
		return "lab"
	}
	return ""
}

// Region names the cloud's region; the lab has none of its own and answers "lab".
func (c *Cloud) Region() string {
	switch {
	case c.OpenStack != nil:
		return c.OpenStack.Region.String()
	case c.AWS != nil:
		return c.AWS.Region.String()
	}
	return c.Kind()
}
