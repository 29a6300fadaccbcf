package site

// The examples are whole sites that Load accepts. They are printed in docs/site.md, and tests start from them.

// ExampleDev is the laboratory of the quick start, the same as Pulumi.dev.yaml.
func ExampleDev() Site {
	cluster := DefaultCluster()
	cluster.Name = legal[Name]("dev")
	cluster.Version = legal[Version]("v1.36.3")
	cluster.NodeCIDR = legal[CIDR]("172.31.240.0/24")
	cluster.InitialisedBy = legal[Name]("cp-1-g1")
	return Site{
		Country:     legal[Country]("se"),
		Environment: Dev,
		Operator:    Operator{Name: legal[Text]("Example Region"), Kind: RegionOperator},
		DataCentre: DataCentre{
			Name: legal[Text]("This machine"), Country: legal[Country]("se"), Region: legal[Region]("lab"),
		},
		Cloud:   Cloud{Lab: &Lab{}},
		Cluster: cluster,
		NodePools: []Pool{
			examplePool("cp", ControlPlane, 1, "2c2g", "a"),
			examplePool("workers", Worker, 1, "2c2g", "a"),
		},
		Gateway: &Gateway{Sources: []CIDR{legal[CIDR]("172.31.240.0/24")}},
		Identity: Identity{
			Connectors: []Connector{{Name: legal[Name]("lab-users"), Type: Static}},
			Login:      exampleLogin("https://login.lab.lagrum/dex"),
		},
		Retention: Retention{
			Logs: []LogRetention{
				{PatientAccess, legal[Days]("1827"), legal[Days]("3653")},
				{PlatformSecurity, legal[Days]("366"), legal[Days]("1827")},
			},
			RecordYears: 10,
		},
		Registry: legal[Registry]("registry.lab.lagrum"),
	}
}

// ExampleProd is a Swedish region on OpenStack, with everything that a site can say.
func ExampleProd() Site {
	cluster := DefaultCluster()
	cluster.Name = legal[Name]("se-prod")
	cluster.Version = legal[Version]("v1.36.3")
	cluster.NodeCIDR = legal[CIDR]("172.31.0.0/20")
	cluster.InitialisedBy = legal[Name]("cp-1-g1")
	cluster.APISources = []CIDR{legal[CIDR]("192.0.2.0/24"), legal[CIDR]("2001:db8::/48")}
	controlPlane := examplePool("cp", ControlPlane, 3, "b4.large", "a", "b", "c")
	controlPlane.Replacements = []int{1, 3, 1}
	workers := examplePool("workers", Worker, 6, "b8.xlarge", "a", "b", "c")
	workers.Disks = append(workers.Disks, Disk{Name: legal[Name]("data"), GiB: 200})
	workers.Labels = map[string]string{"example.org/network": "clinical"}
	workers.Generation = 2
	backup := DefaultBackup()
	backup.Interval = legal[Duration]("12h")
	backup.Country = legal[Country]("se")
	backup.Region = legal[Region]("got-1")
	backup.Account = legal[Text]("care-backup")
	backup.Endpoint = legal[URL]("https://s3.got-1.example.org")
	recovery := DefaultRecovery()
	recovery.RTO = legal[Duration]("4h")
	s := ExampleDev()
	s.Environment = Prod
	s.Operator.Contacts = Contacts{
		Security:       Contact{Email: legal[Email]("security@example.org")},
		OnCall:         Contact{Email: legal[Email]("oncall@example.org"), Phone: legal[Phone]("+46101234567")},
		DataProtection: Contact{Email: legal[Email]("dpo@example.org")},
	}
	s.DataCentre = DataCentre{
		Name: legal[Text]("Example Data Centre 1"), Country: legal[Country]("se"), Region: legal[Region]("sto-1"),
		Certificate: &Certificate{
			Standard: legal[Text]("ISO/IEC 27001:2022"), ID: legal[Text]("EX-27001-0001"),
			Issuer: legal[Text]("Example Certification AB"), ValidUntil: legal[Date]("2027-06-30"),
		},
	}
	s.Cloud = Cloud{OpenStack: &OpenStack{
		AuthURL: legal[URL]("https://identity.example.org:5000/v3"), Region: legal[Region]("sto-1"),
		Project: legal[Text]("care-prod"), ExternalNetwork: legal[UUID]("8b1c9a52-5d0e-4f53-a3a5-2d9f7b0c6e11"),
		ExternalNetworkName: legal[Text]("external"),
		Image:               legal[UUID]("0d4f7c1e-9b1a-4c57-8f6e-3f0d2b9a7c44"), EncryptedVolumeType: legal[Text]("luks"),
	}}
	s.Cluster = cluster
	s.NodePools = []Pool{controlPlane, workers}
	s.Gateway = &Gateway{Public: true, Sources: []CIDR{legal[CIDR]("0.0.0.0/0")}}
	s.Identity.Connectors = []Connector{
		{Name: legal[Name]("region-idp"), Type: OIDC, URL: legal[URL]("https://idp.example.org"), MFA: true, ClientID: legal[Text]("lagrum-se-prod")},
		{Name: legal[Name]("directory"), Type: LDAP, URL: legal[URL]("ldaps://directory.example.org"), MFA: true, Directory: exampleDirectory()},
	}
	s.Identity.Login = exampleLogin("https://login.example.org/dex")
	s.Identity.Login.Pipelines = []Pipeline{{
		Name: legal[Name]("ci"), Issuer: legal[URL]("https://ci.example.org"), Audience: legal[Text]("se-prod"),
		Subjects: []Text{legal[Text]("project:care/journal:ref:main")}, Tenants: []Name{legal[Name]("journal")},
	}}
	s.Access = &Access{
		Operators: []Text{legal[Text]("platform-operators")}, SecurityOfficers: []Text{legal[Text]("platform-security")},
		Auditors: []Text{legal[Text]("auditors")}, BreakGlass: []Text{legal[Text]("platform-emergency")},
	}
	tenant := DefaultTenant()
	tenant.Name, tenant.Developers = legal[Name]("journal"), []Text{legal[Text]("journal-developers")}
	s.Tenants = []Tenant{tenant}
	s.ObjectStore = &ObjectStore{
		Endpoint: legal[URL]("https://s3.sto-1.example.org"), Region: legal[Region]("sto-1"), Country: legal[Country]("se"),
	}
	s.Backup, s.Recovery = &backup, &recovery
	s.Registry = legal[Registry]("registry.example.org/mirror")
	s.Waivers = []Waiver{{
		Requirement: legal[RequirementID]("SE-PDL-3-17"),
		Reason:      legal[Text]("The provider's recertification audit is booked for May."),
		Owner:       legal[Text]("Head of information security"),
		Until:       legal[Date]("2026-12-31"),
	}}
	return s
}

// ExampleRecovery is the recovery of a Danish production stack, on AWS with its own stores.
func ExampleRecovery() Site {
	s := ExampleProd()
	s.Country, s.Environment = legal[Country]("dk"), DR
	s.DataCentre.Name, s.DataCentre.Region = legal[Text]("AWS Stockholm"), legal[Region]("eu-north-1")
	s.Cloud = Cloud{AWS: &AWS{
		Region: legal[Region]("eu-north-1"), Account: legal[Account]("123456789012"),
		Image: legal[Text]("ami-0123456789abcdef0"), StoreRole: legal[RoleARN]("arn:aws:iam::123456789012:role/lagrum-stores"),
	}}
	s.ObjectStore = nil
	backup := *s.Backup
	backup.Country, backup.Region, backup.Endpoint = legal[Country]("de"), legal[Region]("eu-central-1"), URL{}
	backup.Account, backup.Role = legal[Text]("210987654321"), legal[RoleARN]("arn:aws:iam::210987654321:role/lagrum-stores")
	s.Backup = &backup
	s.Cluster.Name = legal[Name]("dk-dr")
	s.NodePools = []Pool{
		examplePool("cp", ControlPlane, 3, "m7i.large", "eu-north-1a", "eu-north-1b", "eu-north-1c"),
		examplePool("workers", Worker, 3, "m7i.xlarge", "eu-north-1a", "eu-north-1b", "eu-north-1c"),
	}
	recovery := *s.Recovery
	recovery.Of = legal[Name]("dk-prod")
	recovery.From = &BackupPlace{Region: legal[Region]("eu-west-1"), Account: backup.Account, Role: backup.Role}
	s.Recovery = &recovery
	s.Gateway = &Gateway{Sources: []CIDR{legal[CIDR]("192.0.2.0/24")}}
	s.Waivers = nil
	return s
}

func exampleDirectory() *Directory {
	d := &Directory{BindDN: legal[DN]("cn=dex,ou=services,dc=example,dc=org"), People: DefaultDirectoryPeople(), Groups: DefaultDirectoryGroups()}
	d.People.Base, d.Groups.Base = legal[DN]("ou=people,dc=example,dc=org"), legal[DN]("ou=groups,dc=example,dc=org")
	return d
}

func exampleLogin(issuer string) *Login {
	l := DefaultLogin()
	l.Issuer = legal[URL](issuer)
	return &l
}

func examplePool(name string, role Role, count int, size string, zones ...string) Pool {
	p := DefaultPool()
	p.Name, p.Role, p.Count, p.Size = legal[Name](name), role, count, legal[Text](size)
	for _, z := range zones {
		p.Zones = append(p.Zones, legal[Zone](z))
	}
	p.Disks = []Disk{{Name: legal[Name]("root"), GiB: 40}}
	return p
}
