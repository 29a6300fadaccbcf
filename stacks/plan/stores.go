package plan

import (
	"strings"
	"time"

	"github.com/lagrum/lagrum/stacks/country"
	"github.com/lagrum/lagrum/stacks/site"
)

// Store is one bucket under object lock in compliance mode, with the credentials that exist for it.
type Store struct {
	// Name tells it from the stack's others: audit-<log class>, backup, etcd-snapshots, restore.
	Name   string `json:"name"`
	Bucket string `json:"bucket"`
	Place  Place  `json:"place"`
	// Of is the stack that made the bucket, where this one only reads it; the numbers below are then that stack's to say.
	Of string `json:"of,omitempty"`
	// FloorDays is the lock of every version from when it was written.
	FloorDays int `json:"floorDays,omitempty"`
	// CeilingDays is when a version is gone; 0 where its writer ends it by a delete marker.
	CeilingDays int `json:"ceilingDays,omitempty"`
	// ExpireDays is when the lifecycle sets the delete marker; 0: never.
	ExpireDays int `json:"expireDays,omitempty"`
	// NoncurrentDays is how long after it was marked or replaced the lifecycle removes a version whose lock has ended.
	NoncurrentDays int `json:"noncurrentDays,omitempty"`
	// RepositoryDays is how long one repository of backups is written to before the next is begun. Backups share what lies
	// in one, so its lock has to outlast the last of them; 0 in other stores.
	RepositoryDays int        `json:"repositoryDays,omitempty"`
	Consumers      []Consumer `json:"consumers"`
	Cites          []string   `json:"cites"`
}

// Place is where buckets lie. Stores of one place are made by one login.
type Place struct {
	// Name is store (archive and snapshots), backup or restore.
	Name string `json:"name"`
	// Endpoint of the S3 API; empty: AWS's own, in Region and Account.
	Endpoint string `json:"endpoint,omitempty"`
	Region   string `json:"region"`
	Country  string `json:"country,omitempty"`
	Account  string `json:"account,omitempty"`
	// Administrator is the ARN of the role that the program assumes for the buckets on AWS.
	Administrator string `json:"administrator,omitempty"`
}

// AWS says that the place is Amazon's own S3, where the program makes users and keys; at an endpoint they are there before.
func (p Place) AWS() bool { return p.Endpoint == "" }

// Consumer is who uses a store, with a credential of its own.
type Consumer struct {
	Name   string  `json:"name"`
	Rights []Right `json:"rights"`
}

// Right of a consumer. There is none to delete a version, bypass or shorten a lock, or change lifecycle or policy.
type Right string

// The rights that exist.
const (
	Put      Right = "put"
	Get      Right = "get"
	List     Right = "list"
	Versions Right = "versions" // list and read what was overwritten or marked as deleted
	Expire   Right = "expire"   // set delete markers
	Lock     Right = "lock"     // lock what it puts, in compliance mode and for no longer than the floor, and read that lock back
)

// The login of an endpoint's administrator and of its consumers are secrets of the configuration, below lagrum:.

// AdministratorSecrets are the keys of the login that makes the buckets of a place at an endpoint.
func (p Place) AdministratorSecrets() (id, secret string) {
	return secretNames(p.Name + "-administrator")
}

// ConsumerSecrets are the keys of a consumer's login at an endpoint.
func (s Store) ConsumerSecrets(consumer string) (id, secret string) {
	return secretNames(s.Name + "-" + consumer)
}

// secretNames turns audit-patient-access-collector into auditPatientAccessCollectorID and -Secret.
func secretNames(words string) (id, secret string) {
	first, rest, _ := strings.Cut(words, "-")
	for _, word := range strings.Split(rest, "-") {
		first += strings.ToUpper(word[:1]) + word[1:]
	}
	return first + "ID", first + "Secret"
}

// The stores' names, and what the name of each log class's archive begins with.
const (
	AuditStore     = "audit-"
	BackupStore    = "backup"
	SnapshotStore  = "etcd-snapshots"
	RestoreStore   = "restore"
	noncurrentDays = 1 // the least that S3 takes: a version stays for its lock, not for this
)

// stores decides the buckets. What the site may not do without was judged before.
func stores(s *site.Site, d Duties, apartCites []string) []Store {
	var all []Store
	if at, ok := archivePlace(s); ok {
		for _, class := range d.Logs {
			all = append(all, newStore(s, at, AuditStore+class.Name, Store{
				FloorDays: class.FloorDays, CeilingDays: class.CeilingDays, Cites: class.Cites,
				Consumers: []Consumer{{"collector", []Right{Put, Lock}}, {"verifier", []Right{Get, List, Versions}}},
			}))
		}
		// A snapshot is worth as much as the backups of its time, and nobody removes one by hand.
		if s.Backup != nil {
			kept := days(s.Backup.TTL)
			all = append(all, newStore(s, at, SnapshotStore, Store{
				FloorDays: kept, CeilingDays: kept + 1, Cites: d.BackupCites,
				Consumers: []Consumer{{"writer", []Right{Put}}, {"verifier", []Right{Get, List}}},
			}))
		}
	}
	if at, ok := backupPlace(s); ok {
		// Written until the last day of a repository, and needed by a backup that was begun on it for as long as that is
		// kept; a day more for one that ends after midnight.
		kept := days(s.Backup.TTL)
		all = append(all, newStore(s, at, BackupStore, Store{
			RepositoryDays: kept, FloorDays: kept + kept + 1, Cites: apartCites,
			Consumers: []Consumer{{"velero", []Right{Get, List, Put, Expire}}},
		}))
	}
	if at, ok := lostPlace(s); ok {
		lost := Store{Name: RestoreStore, Place: at, Of: s.Recovery.Of.String(), Cites: apartCites,
			Consumers: []Consumer{{"reader", []Right{Get, List, Versions}}}}
		lost.Bucket = bucket(lost.Of, BackupStore, at)
		all = append(all, lost)
	}
	return all
}

func newStore(s *site.Site, at Place, name string, store Store) Store {
	store.Name, store.Place, store.Bucket, store.NoncurrentDays = name, at, bucket(s.Stack(), name, at), noncurrentDays
	if store.CeilingDays > 0 {
		// The marker, and a day later the version: both within the ceiling, unless that is the floor itself.
		store.ExpireDays = max(store.FloorDays, store.CeilingDays-noncurrentDays)
	}
	return store
}

// bucket names the bucket of a stack's store. Buckets outlive clusters, so no cluster's name is in it. AWS has one space of
// names for all of its customers: the account keeps ours apart.
func bucket(stack, store string, at Place) string {
	if at.AWS() {
		return stack + "-" + store + "-" + at.Account
	}
	return stack + "-" + store
}

// archivePlace is where archive and snapshots lie; ok is false where the site names no place.
func archivePlace(s *site.Site) (at Place, ok bool) {
	if o := s.ObjectStore; o != nil {
		return Place{Name: "store", Endpoint: o.Endpoint.String(), Region: o.Region.String(), Country: o.Country.String()}, true
	}
	if a := s.Cloud.AWS; a != nil && !a.StoreRole.IsZero() {
		return Place{Name: "store", Region: a.Region.String(), Country: s.DataCentre.Country.String(), Account: a.Account.String(),
			Administrator: a.StoreRole.String()}, true
	}
	return Place{}, false
}

func backupPlace(s *site.Site) (at Place, ok bool) {
	b := s.Backup
	if b == nil || b.Endpoint.IsZero() && b.Role.IsZero() {
		return Place{}, false
	}
	return Place{Name: "backup", Endpoint: b.Endpoint.String(), Region: b.Region.String(), Country: b.Country.String(),
		Account: b.Account.String(), Administrator: b.Role.String()}, true
}

func lostPlace(s *site.Site) (at Place, ok bool) {
	if s.Recovery == nil || s.Recovery.From == nil {
		return Place{}, false
	}
	f := s.Recovery.From
	if f.Endpoint.IsZero() && f.Role.IsZero() {
		return Place{}, false
	}
	return Place{Name: "restore", Endpoint: f.Endpoint.String(), Region: f.Region.String(), Account: f.Account.String(),
		Administrator: f.Role.String()}, true
}

// days rounds up, so that a lock is never shorter than declared.
func days(d site.Duration) int { return int((d.Std() + 24*time.Hour - 1) / (24 * time.Hour)) }

// stores judges where logs, snapshots and backups lie. A laboratory has no store of its own, and nothing to keep.
func (j *judge) stores(s *site.Site, d *country.Duties) {
	if o := s.ObjectStore; o != nil {
		j.inside("objectStore.country", o.Country.String(), s, d)
	}
	if s.Cloud.Lab != nil {
		return
	}
	if _, ok := archivePlace(s); !ok {
		f := Finding{Path: "objectStore", Message: "is missing: OpenStack has no store whose lock holds, and a log that can be removed proves nothing",
			Remedy: "name an S3 endpoint with object lock; lagrum preflight object-lock shows whether it has"}
		if s.Cloud.AWS != nil {
			f = Finding{Path: "cloud.aws.storeRole", Message: "is missing: whoever may build the cluster could change what its logs are kept by",
				Remedy: "name the role that administers the buckets, or another store under objectStore"}
		}
		j.refuseSerious(j.on(f, d.LogStore.Cites, d.LogStore.Reading))
	}
	if b := s.Backup; b != nil {
		j.lies("backup", site.BackupPlace{Region: b.Region, Account: b.Account, Endpoint: b.Endpoint, Role: b.Role}, s, d)
	}
	r := s.Recovery
	switch {
	case s.Environment != site.DR || r == nil || r.Of.IsZero():
	case r.From == nil:
		j.refuse(j.on(Finding{Path: "recovery.from", Message: "is missing: the backups of " + r.Of.String() + " could not be read",
			Remedy: "say where they lie: region, account, and endpoint or role"}, d.Recovery.Cites, ""))
	default:
		j.lies("recovery.from", *r.From, s, d)
	}
}

// lies judges a place of backups: it needs a way in, and on AWS a region where data may lie.
func (j *judge) lies(path string, at site.BackupPlace, s *site.Site, d *country.Duties) {
	if !at.Endpoint.IsZero() {
		return
	}
	apart := func(f Finding) { j.refuseSerious(j.on(f, d.BackupApart.Cites, d.BackupApart.Reading)) }
	if s.Cloud.AWS == nil {
		apart(Finding{Path: path + ".endpoint", Message: "is missing: OpenStack has no store whose lock holds", Remedy: "name an S3 endpoint with object lock in that region"})
		return
	}
	if at.Role.IsZero() {
		apart(Finding{Path: path + ".role", Message: "is missing: nothing opens the account that backups lie in", Remedy: "name the role that administers the bucket there, or an endpoint of another store"})
	}
	if _, known := AWSCountry(at.Region.String()); !known {
		j.refuse(j.on(Finding{Path: path + ".region", Value: at.Region.String(), Message: "is no European region of AWS", Remedy: "name one, or the endpoint of another store"},
			d.Residency.Cites, d.Residency.Reading))
	}
}
