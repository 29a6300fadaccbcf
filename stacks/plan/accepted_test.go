package plan_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/stacks/site"
)

// dataDisk adds a data disk.
func dataDisk(t *testing.T, disks []site.Disk) []site.Disk {
	return append(slices.Clone(disks), site.Disk{Name: parse[site.Name](t, "data"), GiB: 5})
}

// guests are two key servers, of which one is needed.
func guests(t *testing.T) *site.GuestEncryption {
	return &site.GuestEncryption{Needed: 1, KeyServers: []site.KeyServer{
		{URL: parse[site.WebURL](t, "http://keys-1.example.org"), Thumbprint: parse[site.Thumbprint](t, "QxvSWP9AxWc3068uGsNnmTBRVUL8dX1nwbKK_inyHDU")},
		{URL: parse[site.WebURL](t, "http://keys-2.example.org"), Thumbprint: parse[site.Thumbprint](t, "yj09c2cK-U8Scgt-PhHZhhmSMIwMbffCriZxCr2Miqc")},
	}}
}

// Who encrypts a disk is decided once, and is what the adapters and the nodes go by.
func TestEncryptedBy(t *testing.T) {
	t.Parallel()
	cloud, node := plan.ByCloud, plan.ByGuest
	for _, row := range []struct {
		name, stack string
		edit        func(*site.Site)
		root, data  []plan.Encryption
	}{
		{"the cloud", "se-prod", func(*site.Site) {}, []plan.Encryption{cloud}, []plan.Encryption{cloud}},
		{"both", "se-prod", func(s *site.Site) { s.GuestEncryption = guests(t) }, []plan.Encryption{cloud}, []plan.Encryption{cloud, node}},
		{"the node alone", "se-prod", func(s *site.Site) {
			s.GuestEncryption, s.Cloud.OpenStack.DataVolumeType = guests(t), parse[site.Text](t, "local-nvme")
		}, []plan.Encryption{cloud}, []plan.Encryption{node}},
		{"AWS", "dk-prod", func(*site.Site) {}, []plan.Encryption{cloud}, []plan.Encryption{cloud}},
		{"a virtual machine of the lab", "dev", func(s *site.Site) {
			s.GuestEncryption = guests(t)
			s.NodePools[1].Size, s.NodePools[1].Disks = parse[site.Text](t, "vm-2c2g"), dataDisk(t, s.NodePools[1].Disks)
		}, nil, []plan.Encryption{node}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := load(t, row.stack)
			row.edit(&s)
			p, _, err := plan.Resolve(s, profile(t, s), at())
			require.NoError(t, err)
			workers := p.Pools[1]
			assert.Equal(t, row.root, workers.Disks[0].EncryptedBy)
			assert.Equal(t, row.data, workers.Disks[1].EncryptedBy)
			assert.Equal(t, row.stack == "dev", workers.Virtual)
		})
	}
}

// What lies exactly on a limit is lawful: neither refused nor warned about.
func TestAccepted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, stack string
		edit        func(*testing.T, *site.Site)
	}{
		{"the largest network that one organisation has", "se-prod",
			func(t *testing.T, s *site.Site) { s.Cluster.APISources[0] = parse[site.CIDR](t, "10.0.0.0/8") }},
		{"the largest IPv6 network that one organisation has", "se-prod",
			func(t *testing.T, s *site.Site) { s.Cluster.APISources[0] = parse[site.CIDR](t, "2001::/16") }},
		{"the ceiling on the floor", "se-prod",
			func(t *testing.T, s *site.Site) { s.Retention.Logs[0].CeilingDays = parse[site.Days](t, "1827") }},
		{"the restore test's limit", "se-prod",
			func(t *testing.T, s *site.Site) { s.Recovery.RestoreTestInterval = parse[site.Duration](t, "366d") }},
		{"a backup as often as the recovery point asks", "se-prod",
			func(t *testing.T, s *site.Site) { s.Backup.Interval = parse[site.Duration](t, "1d") }},
		{"records for ten years, said aloud", "se-prod", func(_ *testing.T, s *site.Site) { s.Retention.RecordYears = 10 }},
		{"five control planes in three zones", "se-prod", func(_ *testing.T, s *site.Site) { s.ControlPlane().Count = 5 }},
		{"a platform floor that Swedish law leaves to the site", "se-prod",
			func(t *testing.T, s *site.Site) { s.Retention.Logs[1].FloorDays = parse[site.Days](t, "1") }},
		{"a backup beside the originals of a test stack", "se-prod",
			func(_ *testing.T, s *site.Site) {
				s.Environment, s.Backup.Region, s.Backup.Account = site.Test, s.Cloud.OpenStack.Region, s.Cloud.OpenStack.Project
			}},
		{"a listed system wholly in Denmark", "dk-prod",
			func(t *testing.T, s *site.Site) {
				dk := parse[site.Country](t, "dk")
				s.ListedSystem, s.DataCentre.Country, s.Backup.Country = true, dk, dk
				ontoOpenStack(t, s)
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := load(t, tt.stack)
			tt.edit(t, &s)
			_, warnings, err := plan.Resolve(s, profile(t, s), at())
			require.NoError(t, err)
			assert.Empty(t, warnings)
		})
	}
}

func TestListedSystemResidency(t *testing.T) {
	t.Parallel()
	s := load(t, "dk-prod")
	dk := parse[site.Country](t, "dk")
	s.ListedSystem, s.DataCentre.Country, s.Backup.Country = true, dk, dk
	ontoOpenStack(t, &s)
	p, _, err := plan.Resolve(s, profile(t, s), at())
	require.NoError(t, err)
	assert.Equal(t, []string{"dk"}, p.Duties.Residency)
	assert.Equal(t, []string{"DK-DBL-3-9"}, p.Duties.ResidencyCites)
}

// The numbers of the plan are the site's where the site declares more than the law asks.
func TestDeclaredNumbers(t *testing.T) {
	t.Parallel()
	s := load(t, "se-prod")
	s.Retention.RecordYears = 30
	s.Backup.Interval = parse[site.Duration](t, "90s")
	s.Recovery.RestoreTestInterval = parse[site.Duration](t, "25h")
	p, _, err := plan.Resolve(s, profile(t, s), at())
	require.NoError(t, err)
	assert.Equal(t, 30, p.Duties.RecordYears)
	assert.Equal(t, 2, p.Duties.BackupMinutes, "rounded up")
	assert.Equal(t, 2, p.Duties.RestoreTestDays, "rounded up")
	assert.Equal(t, plan.LogClass{Name: "platform-security", FloorDays: 90, CeilingDays: 366, Cites: []string{"EU-IR2690-3.2.5", "EU-GDPR-5-1-e"}},
		p.Duties.Logs[1])
}
