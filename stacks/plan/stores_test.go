package plan_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/stacks/site"
)

// Each row takes away one thing that a site's stores need.
func TestStoresRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []refusal{
		{name: "OpenStack without a store", stack: "se-prod", edit: func(_ *testing.T, s *site.Site) { s.ObjectStore = nil },
			want: `objectStore: is missing: OpenStack has no store whose lock holds, and a log that can be removed proves nothing; name an S3 endpoint with object lock; lagrum preflight object-lock shows whether it has
    by: PdL 4 kap. 3 § st. 1 "Kontroll av elektronisk åtkomst" [SE-PDL-4-3]
    by: Implementing Reg. (EU) 2024/2690, annex 3.2.5 [EU-IR2690-3.2.5] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    our reading: the rules name no means: object lock in compliance mode is the one that no credential undoes`},
		{name: "a recovery stack on OpenStack without a store", stack: "se-dr", edit: func(_ *testing.T, s *site.Site) { s.ObjectStore = nil },
			want: `objectStore: is missing: OpenStack has no store whose lock holds, and a log that can be removed proves nothing; name an S3 endpoint with object lock; lagrum preflight object-lock shows whether it has
    by: PdL 4 kap. 3 § st. 1 "Kontroll av elektronisk åtkomst" [SE-PDL-4-3]
    by: Implementing Reg. (EU) 2024/2690, annex 3.2.5 [EU-IR2690-3.2.5] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    our reading: the rules name no means: object lock in compliance mode is the one that no credential undoes`},
		{name: "AWS without a role that administers the store", stack: "dk-prod", edit: func(_ *testing.T, s *site.Site) { s.Cloud.AWS.StoreRole = site.RoleARN{} },
			want: `cloud.aws.storeRole: is missing: whoever may build the cluster could change what its logs are kept by; name the role that administers the buckets, or another store under objectStore
    by: Implementing Reg. (EU) 2024/2690, annex 3.2.5 [EU-IR2690-3.2.5] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)
    by: GDPR art. 5(2) "accountability" [EU-GDPR-5-2]
    our reading: the rules name no means: object lock in compliance mode is the one that no credential undoes`},
		{name: "a store outside the EEA", stack: "se-prod", edit: func(t *testing.T, s *site.Site) { s.ObjectStore.Country = parse[site.Country](t, "us") },
			want: `objectStore.country: "us" is outside the residency of the data; choose a place inside the EEA
    by: GDPR art. 44-46 "transfers" [EU-GDPR-44]
    by: GDPR art. 49 "derogations" [EU-GDPR-49]
    our reading: inside the EEA there is no transfer to a third country`},
		{name: "backups on OpenStack without a store", stack: "se-prod", edit: func(_ *testing.T, s *site.Site) { s.Backup.Endpoint = site.URL{} },
			want: `backup.endpoint: is missing: OpenStack has no store whose lock holds; name an S3 endpoint with object lock in that region
    by: HSLF-FS 2016:40 3 kap. 12 § "Säkerhetskopiering" [SE-HSLF-3-12] (wording before 2026-02-01; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: verbatim; MedHelp DI-2019-3375: RAID on the same server is not a backup (SEK 500 000))
    by: Implementing Reg. (EU) 2024/2690, annex 4.2.2 [EU-IR2690-4.2.2] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)`},
		{name: "backups on AWS without a role", stack: "dk-prod", edit: func(_ *testing.T, s *site.Site) { s.Backup.Role = site.RoleARN{} },
			want: `backup.role: is missing: nothing opens the account that backups lie in; name the role that administers the bucket there, or an endpoint of another store
    by: Implementing Reg. (EU) 2024/2690, annex 4.2.2 [EU-IR2690-4.2.2] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)`},
		{name: "backups on AWS in no region of it", stack: "dk-prod", edit: func(t *testing.T, s *site.Site) { s.Backup.Region = parse[site.Region](t, "got-1") },
			want: `backup.region: "got-1" is no European region of AWS; name one, or the endpoint of another store
    by: GDPR art. 44-46 "transfers" [EU-GDPR-44]
    by: GDPR art. 49 "derogations" [EU-GDPR-49]
    our reading: inside the EEA there is no transfer to a third country`},
		{name: "a recovery stack that does not say where the backups lie", stack: "dk-dr", edit: func(_ *testing.T, s *site.Site) { s.Recovery.From = nil },
			want: `recovery.from: is missing: the backups of dk-prod could not be read; say where they lie: region, account, and endpoint or role
    by: GDPR art. 32(1)(c) "restore" [EU-GDPR-32-1-c]
    by: NIS 2-loven § 6, stk. 1 "Driftskontinuitet, backupstyring, reetablering, krisestyring" [DK-NIS2-6-1-3] (note: one item of an unnumbered list)`},
		{name: "a recovery stack without a way to the backups", stack: "se-dr", edit: func(_ *testing.T, s *site.Site) { s.Recovery.From.Endpoint = site.URL{} },
			want: `recovery.from.endpoint: is missing: OpenStack has no store whose lock holds; name an S3 endpoint with object lock in that region
    by: HSLF-FS 2016:40 3 kap. 12 § "Säkerhetskopiering" [SE-HSLF-3-12] (wording before 2026-02-01; HSLF-FS 2025:57 may have changed it: re-read before relying on the wording; note: verbatim; MedHelp DI-2019-3375: RAID on the same server is not a backup (SEK 500 000))
    by: Implementing Reg. (EU) 2024/2690, annex 4.2.2 [EU-IR2690-4.2.2] (note: binds cloud, data-centre, managed and managed-security service providers directly (art. 21(5) list): i.e. the platform operator, not the hospital)`},
		{name: "Norwegian logs without a store", stack: "no-prod", edit: func(_ *testing.T, s *site.Site) { s.ObjectStore = nil },
			want: `objectStore: is missing: OpenStack has no store whose lock holds, and a log that can be removed proves nothing; name an S3 endpoint with object lock; lagrum preflight object-lock shows whether it has
    by: GDPR art. 5(2) "accountability" [EU-GDPR-5-2]
    our reading: the rule names no log: what can be removed demonstrates nothing; the GDPR holds in Norway through the EEA agreement, which no row says`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := load(t, tt.stack)
			tt.edit(t, &s)
			decided, _, err := plan.Resolve(s, profile(t, s), at())
			assert.EqualError(t, err, tt.want)
			assert.Equal(t, plan.Plan{}, decided)
		})
	}
}

// Where no patient depends on the stack, a missing store is warned of, and none is made.
func TestTestStackWithoutStores(t *testing.T) {
	t.Parallel()
	s := load(t, "se-prod", "environment: prod", "environment: test")
	s.ObjectStore, s.Backup.Endpoint = nil, site.URL{}
	p, warnings, err := plan.Resolve(s, profile(t, s), at())
	require.NoError(t, err)
	assert.Empty(t, p.Stores)
	assert.Equal(t, []string{
		"objectStore: is missing: OpenStack has no store whose lock holds, and a log that can be removed proves nothing; name an S3 endpoint with object lock; lagrum preflight object-lock shows whether it has",
		"backup.endpoint: is missing: OpenStack has no store whose lock holds; name an S3 endpoint with object lock in that region",
	}, firstLines(warnings))
}

func storesOf(t testing.TB, s site.Site) map[string]plan.Store {
	t.Helper()
	p, _, err := plan.Resolve(s, profile(t, s), at())
	require.NoError(t, err)
	named := map[string]plan.Store{}
	for _, store := range p.Stores {
		named[store.Name] = store
	}
	require.Len(t, named, len(p.Stores), "two stores of one name")
	return named
}

// Every version outlives all that still rests on it, and nothing is ended while its lock holds.
func TestStoreNumbers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, ttl, interval           string
		kept, repository, floorOfBoth int
	}{
		{"as declared", "60d", "12h", 60, 60, 121},
		{"rounded up", "25h", "1h", 2, 2, 5},
		{"shorter than a day", "30m", "15m", 1, 1, 3},
		{"the longest", "3650d", "7d", 3650, 3650, 7301},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := load(t, "se-prod")
			s.Backup.TTL, s.Backup.Interval = parse[site.Duration](t, tt.ttl), parse[site.Duration](t, tt.interval)
			if s.Recovery.RPO.Std() < s.Backup.Interval.Std() {
				s.Recovery.RPO = s.Backup.Interval
			}
			made := storesOf(t, s)
			backup, snapshots := made[plan.BackupStore], made[plan.SnapshotStore]
			assert.Equal(t, tt.repository, backup.RepositoryDays)
			assert.Equal(t, tt.floorOfBoth, backup.FloorDays)
			assert.GreaterOrEqual(t, backup.FloorDays, backup.RepositoryDays+tt.kept, "the last backup on a repository needs what its first day wrote")
			assert.Zero(t, backup.ExpireDays, "age ends no blob that a backup shares")
			assert.Equal(t, tt.kept, snapshots.FloorDays)
			assert.Equal(t, tt.kept, snapshots.ExpireDays)
		})
	}
	t.Run("a ceiling on the floor", func(t *testing.T) {
		t.Parallel()
		s := load(t, "se-prod")
		s.Retention.Logs[0].CeilingDays = s.Retention.Logs[0].FloorDays
		archive := storesOf(t, s)["audit-patient-access"]
		assert.Equal(t, 1827, archive.FloorDays)
		assert.Equal(t, 1827, archive.ExpireDays, "nothing is hidden while it must be kept")
	})
	t.Run("a ceiling above it", func(t *testing.T) {
		t.Parallel()
		archive := storesOf(t, load(t, "se-prod"))["audit-patient-access"]
		assert.Equal(t, archive.CeilingDays, archive.ExpireDays+archive.NoncurrentDays, "gone on the day that the site says")
	})
}

// No credential is shared, and only a recovery stack has one that reads another's backups.
func TestConsumersOfStores(t *testing.T) {
	t.Parallel()
	for stack, restores := range map[string]string{"se-prod": "", "dk-prod": "", "se-dr": "se-prod-backup", "dk-dr": "dk-prod-backup-210987654321"} {
		made := storesOf(t, load(t, stack))
		keys := map[string]bool{}
		for _, store := range made {
			require.NotEmpty(t, store.Consumers, store.Name)
			for _, c := range store.Consumers {
				id, secret := store.ConsumerSecrets(c.Name)
				for _, key := range []string{id, secret} {
					assert.False(t, keys[key], "%s: two consumers with the key %s", stack, key)
					keys[key] = true
				}
				switch c.Name {
				case "collector":
					assert.Equal(t, []plan.Right{plan.Put, plan.Lock}, c.Rights, store.Name)
				case "writer":
					assert.Equal(t, []plan.Right{plan.Put}, c.Rights, store.Name)
				}
			}
		}
		reader, found := made[plan.RestoreStore]
		assert.Equal(t, restores != "", found, stack)
		assert.Equal(t, restores, reader.Bucket)
		if found {
			assert.NotContains(t, reader.Consumers[0].Rights, plan.Put)
			assert.NotContains(t, reader.Consumers[0].Rights, plan.Expire)
			assert.Zero(t, reader.FloorDays, "the numbers are the lost stack's")
		}
	}
}

// The bucket that a recovery stack reads is the one that the lost stack made, at the same place.
func TestRecoveryReadsTheLostStacksBackups(t *testing.T) {
	t.Parallel()
	for recovery, lost := range map[string]string{"se-dr": "se-prod", "dk-dr": "dk-prod"} {
		reads, made := storesOf(t, load(t, recovery))[plan.RestoreStore], storesOf(t, load(t, lost))[plan.BackupStore]
		assert.Equal(t, made.Bucket, reads.Bucket)
		assert.Equal(t, made.Place.Endpoint, reads.Place.Endpoint)
		assert.Equal(t, made.Place.Region, reads.Place.Region)
		assert.Equal(t, made.Place.Account, reads.Place.Account)
	}
}

func TestNamesOfStoreSecrets(t *testing.T) {
	t.Parallel()
	id, secret := plan.Store{Name: "audit-patient-access"}.ConsumerSecrets("collector")
	assert.Equal(t, []string{"auditPatientAccessCollectorID", "auditPatientAccessCollectorSecret"}, []string{id, secret})
	id, secret = plan.Place{Name: "backup"}.AdministratorSecrets()
	assert.Equal(t, []string{"backupAdministratorID", "backupAdministratorSecret"}, []string{id, secret})
}
