package statebackend

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/country"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/tests/golden"
)

// onOpenStack and onAWS are production in Sweden and in Denmark, as much of them as the judgement reads.
func onOpenStack() plan.Plan {
	return plan.Plan{Name: "se-prod", Protect: true, Cloud: plan.Cloud{Kind: "openstack", Region: "sto-1", OpenStack: &plan.OpenStack{}},
		Duties: plan.Duties{Residency: country.EEA(), ResidencyCites: []string{"EU-GDPR-44"}, TLSCites: []string{"EU-IR2690-9.2"}},
		Asks: map[requirements.Capability]plan.IDs{
			requirements.Backup: {"SE-HSLF-3-12", "EU-GDPR-32-1-c", "EU-IR2690-4.2.2"}, requirements.KeyManagement: {"EU-IR2690-9.2"},
			requirements.EncryptionAtRest: {"SE-HSLF-3-12"}, requirements.BackupSeparation: {"EU-IR2690-4.2.2"}, requirements.RBAC: {"SE-PDL-4-2"},
			requirements.SupplierAgreement: {"EU-GDPR-28-1"},
		}}
}

func onAWS() plan.Plan {
	p := onOpenStack()
	p.Name, p.Cloud = "dk-prod", plan.Cloud{Kind: "aws", Region: "eu-north-1", AWS: &plan.AWS{Account: "111111111111"}}
	return p
}

func told(value string) Word {
	if value == "" {
		return Word{State: Told, Said: "set to nothing"}
	}
	return Word{State: Told, Value: value, Said: value}
}

// sound are facts about which nothing can be said: another account of AWS, in Ireland.
func sound() Facts {
	return Facts{
		Backend: Backend{Kind: S3, Where: "s3://state", Bucket: "state", Region: "eu-west-1"},
		Secrets: Secrets{Provider: KeyService, Scheme: "awskms", Region: "eu-west-1", Account: "222222222222"},
		Store: &Store{Region: told("eu-west-1"), Versioning: told("Enabled"), Encryption: told("aws:kms"), PublicBlock: told("all"),
			Stranger: told("closed"), Lock: told("COMPLIANCE"), Mine: told("no")},
	}
}

// Each single flaw is found, under its own name, and nothing else is said.
func TestJudge(t *testing.T) {
	t.Parallel()
	elsewhere := func(f *Facts) {
		f.Backend = Backend{Kind: S3, Where: "s3://state at s3.example.org", Bucket: "state", Region: "got-1", Endpoint: "https://s3.example.org"}
		f.Store.Region, f.Store.Mine = Word{State: Absent}, Word{State: NotOffered}
	}
	tests := []struct {
		name    string
		change  func(*Facts)
		aws     bool
		verdict Verdict
		check   string // the one finding that does not hold
		says    string
	}{
		{"all is well on AWS", func(*Facts) {}, true, Holds, "", ""},
		{"all is well with a cluster elsewhere", func(f *Facts) { f.Store.Mine = Word{State: NotOffered} }, false, Holds, "", ""},
		{"AES256 encrypts too", func(f *Facts) { f.Store.Encryption = told("AES256") }, true, Holds, "", ""},
		{"a store of one's own, by word", func(f *Facts) { elsewhere(f); f.Country, f.Apart = "se", true }, false, Holds, "", ""},

		{"outside the EEA", func(f *Facts) { f.Store.Region = told("us-east-1") }, true, Refused, "residency", "is no region of AWS inside"},
		{"in London", func(f *Facts) { f.Store.Region = told("eu-west-2") }, true, Refused, "residency", "outside the residency"},
		{"the address says Ireland, the store says otherwise", func(f *Facts) { f.Store.Region = told("us-east-1") }, false, Refused, "residency", "is no region of AWS"},
		{"a country that nobody says", func(f *Facts) { elsewhere(f); f.Apart = true }, false, NotShown, "residency", "does not say in which country"},
		{"a country outside", func(f *Facts) { elsewhere(f); f.Apart, f.Country = true, "us" }, false, Refused, "residency", "outside the residency"},
		{"no word helps against a region of AWS", func(f *Facts) { f.Store.Region, f.Country = told("us-east-1"), "se" }, true, Refused, "residency", "is no region"},

		{"the cluster's own account", func(f *Facts) { f.Store.Mine = told("yes") }, true, Refused, "another account", "whoever takes it takes the state too"},
		{"no word helps against the account's own", func(f *Facts) { f.Store.Mine, f.Apart = told("yes"), true }, true, Refused, "another account", "own account"},
		{"an account that nobody knows", func(f *Facts) { f.Store.Mine = Word{State: Unclear} }, true, NotShown, "another account", "cannot be told"},
		{"an account that nobody says", func(f *Facts) { elsewhere(f); f.Country = "se" }, false, NotShown, "another account", "cannot be told"},
		{"where the cluster stands", func(f *Facts) { f.Store.Region = told("eu-north-1") }, true, Warned, "another region", "one disaster takes both"},

		{"in the clear", func(f *Facts) { f.Backend.Clear = true }, true, Refused, "way to the store", "anybody between"},
		{"a passphrase", func(f *Facts) { f.Secrets = Secrets{Provider: Passphrase} }, true, Warned, "encryption of secrets", "cannot be revoked"},
		{"a passphrase that everybody knows", func(f *Facts) { f.Secrets = Secrets{Provider: Passphrase, Public: true} }, true, Refused, "encryption of secrets", "protects nothing"},
		{"a key in the clear", func(f *Facts) { f.Secrets = Secrets{Provider: KeyInClear} }, true, Refused, "encryption of secrets", "beside what it encrypts"},
		{"no secrets provider", func(f *Facts) { f.Secrets = Secrets{Provider: NoProvider} }, true, Refused, "encryption of secrets", "names no secrets provider"},
		{"a service that encrypts", func(f *Facts) { f.Secrets = Secrets{Provider: ByService} }, true, Refused, "encryption of secrets", "whoever runs the service"},
		{"a provider that nobody knows", func(f *Facts) { f.Secrets = Secrets{Provider: Unknown} }, true, NotShown, "encryption of secrets", "is no secrets provider that this check knows"},
		{"the key abroad", func(f *Facts) { f.Secrets.Region = "us-west-2" }, true, Refused, "place of the key", "outside the residency"},
		{"the key in the cluster's account", func(f *Facts) { f.Secrets.Account = "111111111111" }, true, Warned, "place of the key", "can decrypt the state"},
		{"a key of Vault", func(f *Facts) { f.Secrets = Secrets{Provider: KeyService, Scheme: "hashivault"} }, true, NotShown, "place of the key", "does not say"},
		{"no copy before a write", func(f *Facts) { f.NoBackups = true }, true, Refused, "copy before each write", "nothing to go back to"},

		{"no versions", func(f *Facts) { f.Store.Versioning = told("") }, true, Refused, "versions", "is gone"},
		{"versions suspended", func(f *Facts) { f.Store.Versioning = told("Suspended") }, true, Refused, "versions", "is gone"},
		{"versions unclear", func(f *Facts) { f.Store.Versioning = Word{State: Unclear, Said: "403 AccessDenied"} }, true, NotShown, "versions", "403 AccessDenied"},
		{"no encryption", func(f *Facts) { f.Store.Encryption = Word{State: Absent} }, true, Refused, "encryption of the store", "lies open"},
		{"an encryption by another name", func(f *Facts) { f.Store.Encryption = told("none") }, true, Refused, "encryption of the store", "lies open"},
		{"a stranger sees it", func(f *Facts) { f.Store.Stranger = told("open") }, true, Refused, "strangers", "open to everybody"},
		{"a stranger's answer is unclear", func(f *Facts) { f.Store.Stranger = Word{State: Unclear, Said: "503"} }, true, NotShown, "strangers", "503"},
		{"public access half blocked", func(f *Facts) { f.Store.PublicBlock = told("some") }, true, Refused, "public access blocked", "one mistake"},
		{"public access not blocked", func(f *Facts) { f.Store.PublicBlock = Word{State: Absent} }, true, Refused, "public access blocked", "one mistake"},
		{"a store without that block", func(f *Facts) { f.Store.PublicBlock = Word{State: NotOffered, Said: "501"} }, true, Warned, "public access blocked", "does not know the question"},
		{"no lock", func(f *Facts) { f.Store.Lock = Word{State: Absent} }, true, Warned, "object lock", "delete every version"},
		{"a lock that can be lifted", func(f *Facts) { f.Store.Lock = told("GOVERNANCE") }, true, Warned, "object lock", "delete every version"},
		{"a lock without default", func(f *Facts) { f.Store.Lock = told("") }, true, Warned, "object lock", "delete every version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			facts, p := sound(), onOpenStack()
			if tt.aws {
				p = onAWS()
			}
			tt.change(&facts)
			findings := Judge(facts, p)
			require.GreaterOrEqual(t, len(findings), 13)
			assert.Equal(t, tt.verdict, Worst(findings))
			for _, f := range findings {
				if f.Check != tt.check {
					assert.Equal(t, Holds, f.Verdict, "%+v", f)
					assert.Empty(t, f.Cites, f.Check)
					continue
				}
				assert.Equal(t, tt.verdict, f.Verdict, "%+v", f)
				assert.Contains(t, f.Message, tt.says)
				assert.NotEmpty(t, f.Remedy)
				assert.NotEmpty(t, f.Found)
				assert.NotEmpty(t, f.Cites)
			}
		})
	}
}

// Backends that are no S3 store.
func TestJudgeOtherBackends(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]map[string]Verdict{
		"file:///srv/state":                 {"kind of backend": Refused, "residency": NotShown},
		"mem://":                            {"kind of backend": Refused, "locking": Refused},
		"https://app.pulumi.com":            {"kind of backend": Refused, "residency": Refused, "locking": Holds},
		"https://pulumi.example.org":        {"kind of backend": NotShown, "residency": NotShown, "locking": Holds, "way to the store": Holds},
		"http://pulumi.example.org":         {"way to the store": Refused},
		"gs://state":                        {"kind of backend": NotShown, "residency": NotShown, "way to the store": Holds},
		"postgres://db/x":                   {"kind of backend": NotShown, "way to the store": Refused},
		"postgres://db/x?sslmode=verify-ca": {"kind of backend": NotShown, "way to the store": Holds},
	} {
		backend, err := Parse(address)
		require.NoError(t, err)
		findings := Judge(Facts{Backend: backend, Secrets: sound().Secrets}, onAWS())
		for check, verdict := range want {
			seen := false
			for _, f := range findings {
				if f.Check == check {
					seen = true
					assert.Equal(t, verdict, f.Verdict, "%s: %+v", address, f)
				}
			}
			assert.True(t, seen, "%s: nothing says anything of %s", address, check)
		}
	}
}

// An S3 store that nobody could ask is not believed.
func TestJudgeWithoutStore(t *testing.T) {
	t.Parallel()
	facts := sound()
	facts.Store, facts.Trouble = nil, "was not asked: no credential"
	findings := Judge(facts, onAWS())
	assert.Equal(t, NotShown, Worst(findings))
	assert.Contains(t, findings, Finding{Check: "the store's own word", Found: "s3://state", Verdict: NotShown, Message: "was not asked: no credential",
		Remedy: "give a credential that may read the bucket's settings, and run it again"})
}

// Where no patients depend on a stack, nothing is refused, and nothing is hidden either.
func TestJudgeLaboratory(t *testing.T) {
	t.Parallel()
	p := onOpenStack()
	p.Protect = false
	findings := Judge(Facts{Backend: Backend{Kind: Folder, Where: "file:///srv"}, Secrets: Secrets{Provider: Passphrase, Public: true}, NoBackups: true}, p)
	assert.Equal(t, Warned, Worst(findings))
	said := map[string]Verdict{}
	for _, f := range findings {
		said[f.Check] = f.Verdict
	}
	assert.Equal(t, Warned, said["kind of backend"])
	assert.Equal(t, Warned, said["encryption of secrets"])
	assert.Equal(t, Warned, said["copy before each write"])
}

func TestCode(t *testing.T) {
	t.Parallel()
	for verdict, code := range map[Verdict]int{Holds: 0, NotShown: 2, Warned: 2, Refused: 3} {
		assert.Equal(t, code, Code([]Finding{{}, {Verdict: verdict}, {}}), verdict.String())
	}
	assert.Zero(t, Code(nil))
}

// The report names the worst first, with what it rests on.
func TestWrite(t *testing.T) {
	t.Parallel()
	facts := sound()
	facts.Store.Versioning, facts.Store.Lock, facts.Store.Region = told("Suspended"), Word{State: Absent}, told("eu-west-2")
	facts.Secrets = Secrets{Provider: KeyService, Scheme: "hashivault"}
	var text strings.Builder
	require.NoError(t, Write(&text, "dk-prod", Judge(facts, onAWS())))
	golden.Compare(t, "report.txt", text.String())
	assert.Less(t, strings.Index(text.String(), "REFUSED: residency"), strings.Index(text.String(), "WARNED: object lock"), fmt.Sprint(text.String()))
}
