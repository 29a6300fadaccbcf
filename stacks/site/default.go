package site

import "encoding"

// legal parses a text of this package's own; tests show that each is legal.
func legal[V any, P interface {
	*V
	encoding.TextUnmarshaler
}](text string) V {
	v, _ := Parse[V, P](text)
	return v
}

// DefaultCluster has the addresses that kubeadm's own documentation uses, and two hours to join.
func DefaultCluster() Cluster {
	return Cluster{
		Domain:       legal[Domain]("cluster.local"),
		ServiceCIDR:  legal[CIDR]("10.96.0.0/16"),
		PodCIDR:      legal[CIDR]("10.244.0.0/16"),
		JoinLifetime: legal[Duration]("2h"),
	}
}

// DefaultPool is at its first generation.
func DefaultPool() Pool { return Pool{Generation: 1} }

// DefaultBackup is made every day and kept for thirty.
func DefaultBackup() Backup {
	return Backup{Interval: legal[Duration]("24h"), TTL: legal[Duration]("30d")}
}

// DefaultRecovery loses at most a day, takes at most eight hours, and is rehearsed twice a year.
func DefaultRecovery() Recovery {
	return Recovery{
		RPO:                 legal[Duration]("24h"),
		RTO:                 legal[Duration]("8h"),
		RestoreTestInterval: legal[Duration]("180d"),
	}
}

// DefaultGuestEncryption needs one key server.
func DefaultGuestEncryption() GuestEncryption { return GuestEncryption{Needed: 1} }

// DefaultLogin has tokens of ten minutes, and logins that last an hour unused and half a day at most.
func DefaultLogin() Login {
	return Login{Lasts: legal[Duration]("10m"), Idle: legal[Duration]("1h"), Limit: legal[Duration]("12h")}
}

// DefaultDirectoryPeople have the attributes of inetOrgPerson (RFC 2798).
func DefaultDirectoryPeople() DirectoryPeople {
	return DirectoryPeople{
		Filter: legal[Filter]("(objectClass=inetOrgPerson)"), Login: legal[Attribute]("uid"), ID: legal[Attribute]("uid"), Email: legal[Attribute]("mail"),
	}
}

// DefaultDirectoryGroups list their members by name (groupOfNames, RFC 4519).
func DefaultDirectoryGroups() DirectoryGroups {
	return DirectoryGroups{
		Filter: legal[Filter]("(objectClass=groupOfNames)"), Member: legal[Attribute]("member"), Person: legal[Attribute]("DN"), Name: legal[Attribute]("cn"),
	}
}

// DefaultTenant may use what a small service needs.
func DefaultTenant() Tenant { return Tenant{CPU: 4, MemoryGiB: 8, StorageGiB: 50, Pods: 50} }

// preset writes the defaults of a section into it before it is read.
func preset(section any) {
	switch s := section.(type) {
	case *Cluster:
		*s = DefaultCluster()
	case *Pool:
		*s = DefaultPool()
	case *Tenant:
		*s = DefaultTenant()
	case *Backup:
		*s = DefaultBackup()
	case *GuestEncryption:
		*s = DefaultGuestEncryption()
	case *Login:
		*s = DefaultLogin()
	case *DirectoryPeople:
		*s = DefaultDirectoryPeople()
	case *DirectoryGroups:
		*s = DefaultDirectoryGroups()
	case *Recovery:
		*s = DefaultRecovery()
	}
}

// fill writes the default that follows from other parts: the node that initialises a new cluster.
func (s *Site) fill() {
	pool := s.ControlPlane()
	if pool == nil || pool.Name.IsZero() || !s.Cluster.InitialisedBy.IsZero() {
		return
	}
	if name, err := Parse[Name](NodeName(pool.Name, 1, 1)); err == nil { // else the pool's name is refused
		s.Cluster.InitialisedBy = name
	}
}
