package statebackend

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/country"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Verdict on one check, from good to bad.
type Verdict int

// The verdicts. What could not be shown is not believed: it stands beside a warning, and never beside what holds.
const (
	Holds Verdict = iota
	NotShown
	Warned
	Refused
)

func (v Verdict) String() string {
	return [...]string{"holds", "NOT SHOWN", "WARNED", "REFUSED"}[v]
}

// Finding is what became of one check.
type Finding struct {
	Check   string // residency
	Found   string // what the check looked at, fit to be printed
	Verdict Verdict
	// Message says what is wrong, Remedy what to do; both empty where it holds.
	Message, Remedy string
	// Cites are ids of the catalogue.
	Cites []string
}

// Facts are all that is known of where a stack's state lies.
type Facts struct {
	Backend Backend
	Secrets Secrets
	// Store is what the store answered; nil where it was not asked, for the reason in Trouble.
	Store   *Store
	Trouble string
	// Country in which the store stands, and Apart that it is of another account than the cluster's, by the word of whoever
	// runs the check: used only where the address does not tell.
	Country string
	Apart   bool
	// NoBackups says that the engine is told to keep no copy of a checkpoint before it writes the next.
	NoBackups bool
}

// judge collects findings.
type judge struct {
	Facts
	plan  plan.Plan
	found []Finding
}

// Judge decides on every check. It is pure. Where no patients depend on the stack, what would be refused is a warning.
func Judge(f Facts, p plan.Plan) []Finding {
	j := &judge{Facts: f, plan: p}
	j.kind()
	j.way()
	j.residency()
	j.account()
	j.apart()
	j.secrets()
	j.key()
	j.locking()
	j.backups()
	if f.Backend.Kind == S3 {
		j.store()
	}
	return j.found
}

func (j *judge) add(f Finding) {
	if f.Verdict == Refused && !j.plan.Protect {
		f.Verdict = Warned
	}
	if f.Verdict == Holds {
		f.Cites = nil
	}
	j.found = append(j.found, f)
}

func (j *judge) holds(check, found string) { j.add(Finding{Check: check, Found: found}) }

// asks are the two nearest requirements that ask the site for a capability.
func (j *judge) asks(c requirements.Capability) []string {
	ids := j.plan.Asks[c]
	return slices.Clone(ids[:min(2, len(ids))])
}

// kind: a folder or a memory is lost with its machine, and nobody's reads of it are logged.
func (j *judge) kind() {
	f := Finding{Check: "kind of backend", Found: string(j.Backend.Kind) + " " + j.Backend.Where, Cites: j.asks(requirements.Backup)}
	switch j.Backend.Kind {
	case S3:
	case Folder:
		f.Verdict, f.Message = Refused, "is lost with its machine, and whoever is root there holds the cluster"
	case Memory:
		f.Verdict, f.Message = Refused, "is gone with the process"
	case Cloud:
		f.Verdict, f.Cites = Refused, j.asks(requirements.SupplierAgreement)
		f.Message = "is a service of a company outside the EEA, which becomes a processor and keeps the state where it decides"
	default:
		f.Verdict, f.Message = NotShown, "cannot be asked by this check for versions, encryption and who may read"
	}
	if f.Verdict != Holds {
		f.Remedy = "keep the state in an S3 store with versions and object lock: docs/state.md"
	}
	j.add(f)
}

func (j *judge) way() {
	f := Finding{Check: "way to the store", Found: "TLS", Cites: j.plan.Duties.TLSCites}
	switch {
	case j.Backend.Local():
		f.Found = "this machine"
	case j.Backend.Clear:
		f.Found, f.Verdict, f.Message, f.Remedy = "in the clear", Refused, "lets anybody between read and change the state", "use https:// and take out what switches it off"
	}
	j.add(f)
}

// residency: the state names people's machines and holds the keys to patients' data; it stays where those may lie.
func (j *judge) residency() {
	region := j.region()
	allowed := j.plan.Duties.Residency
	f := Finding{Check: "residency", Found: region, Cites: j.plan.Duties.ResidencyCites, Remedy: "move the state to a store in " + places(allowed)}
	var at string
	known := false
	if j.Backend.OnAWS() {
		if at, known = plan.AWSCountry(region); region != "" && !known {
			f.Verdict, f.Message = Refused, "is no region of AWS inside the residency of the data"
			j.add(f)
			return
		}
	}
	switch {
	case j.Backend.Kind == Memory || j.Backend.Kind == Folder:
		f.Found, f.Verdict, f.Message, f.Remedy = "this machine", NotShown, "stands where this check cannot know", "see kind of backend"
	case j.Backend.Kind == Cloud:
		f.Found, f.Verdict, f.Message = j.Backend.Where, Refused, "nothing shows that it stays in "+places(allowed)
	case !known && j.Country == "":
		f.Verdict, f.Message, f.Remedy = NotShown, "its address does not say in which country it stands", "say it with --country"
	case !known:
		at = j.Country
		f.Found = strings.TrimSpace(region + " in " + at + ", as --country says")
	}
	if f.Verdict == Holds {
		if known {
			f.Found = region + " in " + at
		}
		if !slices.Contains(allowed, at) {
			f.Verdict, f.Message = Refused, "is outside the residency of the data"
		}
	}
	if f.Found == "" {
		f.Found = j.Backend.Where
	}
	j.add(f)
}

// region is the store's own word where it gave one, and the address's otherwise.
func (j *judge) region() string {
	if j.Store != nil && j.Store.Region.State == Told {
		return j.Store.Region.Value
	}
	return j.Backend.Region
}

// places are the countries, or the EEA.
func places(allowed []string) string {
	if slices.Equal(allowed, country.EEA()) {
		return "the EEA"
	}
	return strings.Join(allowed, ", ")
}

// account: whoever takes the cluster's account must not find the keys to rebuild it there, or the means to delete them.
func (j *judge) account() {
	f := Finding{Check: "another account", Cites: j.asks(requirements.BackupSeparation)}
	switch {
	case j.Backend.Kind != S3:
		f.Found, f.Verdict, f.Message, f.Remedy = j.Backend.Where, NotShown, "has no account that could be asked", "see kind of backend"
	case j.plan.Cloud.AWS == nil && j.Backend.OnAWS():
		f.Found = "AWS, and the cluster stands on " + j.plan.Cloud.Kind
	case j.Store != nil && j.Store.Mine.State == Told && j.Store.Mine.Value == "yes":
		f.Found, f.Verdict, f.Message = j.Store.Mine.Said, Refused, "is the cluster's own account: whoever takes it takes the state too"
		f.Remedy = "keep the state in an account of its own"
	case j.Store != nil && j.Store.Mine.State == Told:
		f.Found = j.Store.Mine.Said
	case j.plan.Cloud.AWS != nil && j.Backend.Kind == S3 && !j.Backend.OnAWS():
		f.Found = "no store of AWS, and the cluster stands there"
	case j.Apart:
		f.Found = "another, as --another-account says"
	default:
		f.Found, f.Verdict, f.Message, f.Remedy = j.Backend.Where, NotShown, "cannot be told from here", "compare the accounts, and say it with --another-account"
	}
	j.add(f)
}

// apart: one disaster takes the cluster and what it would be rebuilt from.
func (j *judge) apart() {
	region := j.region()
	f := Finding{Check: "another region", Found: region, Cites: j.asks(requirements.BackupSeparation)}
	switch {
	case region == "":
		f.Found, f.Verdict, f.Message, f.Remedy = j.Backend.Where, NotShown, "does not say in which region it stands", "see that it stands elsewhere than the cluster"
	case region == j.plan.Cloud.Region:
		f.Verdict, f.Message, f.Remedy = Warned, "is where the cluster stands: one disaster takes both", "keep the state, or its exports, in another region"
	}
	j.add(f)
}

func (j *judge) secrets() {
	f := Finding{Check: "encryption of secrets", Found: string(j.Secrets.Provider), Cites: j.asks(requirements.KeyManagement),
		Remedy: `run: pulumi stack change-secrets-provider "awskms://..." (or hashivault://...)`}
	if j.Secrets.Scheme != "" {
		f.Found += ", " + j.Secrets.Scheme
	}
	switch j.Secrets.Provider {
	case KeyService:
		f.Remedy = ""
	case Passphrase:
		f.Verdict, f.Message = Warned, "cannot be revoked: whoever had it once reads every later copy"
		if j.Secrets.Public {
			f.Found, f.Verdict, f.Message = "a passphrase that is empty or that everybody knows", Refused, "protects nothing"
		}
	case KeyInClear:
		f.Verdict, f.Message = Refused, "lies in the stack's configuration, beside what it encrypts"
	case NoProvider:
		f.Verdict, f.Message = Refused, "the stack's configuration names no secrets provider"
	case ByService:
		f.Verdict, f.Message = Refused, "whoever runs the service can decrypt the keys of the cluster"
	default:
		f.Verdict, f.Message = NotShown, "is no secrets provider that this check knows"
	}
	j.add(f)
}

// key: where the key of the secrets lies, as far as its address tells.
func (j *judge) key() {
	if j.Secrets.Provider != KeyService {
		return
	}
	f := Finding{Check: "place of the key", Found: j.Secrets.Scheme, Cites: j.plan.Duties.ResidencyCites}
	if j.Secrets.Region != "" {
		f.Found += " in " + j.Secrets.Region
	}
	own := j.plan.Cloud.AWS
	at, known := plan.AWSCountry(j.Secrets.Region)
	switch {
	case j.Secrets.Scheme != "awskms" || j.Secrets.Region == "":
		f.Verdict, f.Message, f.Remedy = NotShown, "its address does not say in which country it stands", "see that the key service stands where the state may lie"
	case !known || !slices.Contains(j.plan.Duties.Residency, at):
		f.Verdict, f.Message, f.Remedy = Refused, "is outside the residency of the data", "use a key in "+places(j.plan.Duties.Residency)
	case own != nil && j.Secrets.Account == own.Account:
		f.Found += ", account " + j.Secrets.Account
		f.Verdict, f.Message, f.Cites = Warned, "is in the cluster's own account: whoever takes it can decrypt the state", j.asks(requirements.KeyManagement)
		f.Remedy = "use a key of another account, by its ARN, that no node's role may use"
	}
	j.add(f)
}

func (j *judge) locking() {
	f := Finding{Check: "locking", Found: "a lock object, which two updates at once both see"}
	switch j.Backend.Kind {
	case Cloud, Service:
		f.Found = "the service's own"
	case Memory:
		f.Found, f.Verdict, f.Message, f.Remedy = "none between processes", Refused, "lets two updates meet", "see kind of backend"
	}
	j.add(f)
}

func (j *judge) backups() {
	if j.Backend.Kind == Cloud || j.Backend.Kind == Service {
		return
	}
	f := Finding{Check: "copy before each write", Found: "kept", Cites: j.asks(requirements.Backup)}
	if j.NoBackups {
		f.Found, f.Verdict, f.Message, f.Remedy = "switched off", Refused, "a torn write leaves nothing to go back to",
			"unset PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS"
	}
	j.add(f)
}

// store judges what the store itself said of the bucket.
func (j *judge) store() {
	if j.Store == nil {
		j.add(Finding{Check: "the store's own word", Found: j.Backend.Where, Verdict: NotShown, Message: j.Trouble,
			Remedy: "give a credential that may read the bucket's settings, and run it again"})
		return
	}
	s := j.Store
	j.word("versions", s.Versioning, requirements.Backup, "Enabled", Refused, "an overwritten or deleted state is gone", "switch the bucket's versioning on")
	if e := s.Encryption; e.State == Told && strings.HasPrefix(e.Value, "aws:kms") {
		j.holds("encryption of the store", e.Said)
	} else {
		j.word("encryption of the store", e, requirements.EncryptionAtRest, "AES256", Refused,
			"what the engine does not encrypt lies open on the store's disks", "set the bucket's default encryption, best with a key of your own")
	}
	closed := s.Stranger
	j.word("strangers", closed, requirements.RBAC, "closed", Refused, "the state is open to everybody", "close the bucket, then renew every key that was in it")
	block := s.PublicBlock
	if block.State == NotOffered && closed.Value == "closed" {
		block.Said = "not offered; a stranger sees nothing today"
	}
	j.word("public access blocked", block, requirements.RBAC, "all", Refused, "one mistake in a policy opens the state", "block all public access to the bucket")
	j.word("object lock", s.Lock, requirements.Backup, "COMPLIANCE", Warned, "whoever may delete can delete every version of the state",
		"set a default retention in mode COMPLIANCE; lagrum preflight object-lock shows whether the store keeps it")
}

// word judges a setting that has one good value. What a store does not offer is a warning: it may have the like by another
// name, which people have to look at.
func (j *judge) word(check string, w Word, by requirements.Capability, good string, bad Verdict, message, remedy string) {
	f := Finding{Check: check, Found: w.Said, Message: message, Remedy: remedy, Cites: j.asks(by)}
	switch {
	case w.State == Told && w.Value == good:
		j.holds(check, w.Said)
		return
	case w.State == Told, w.State == Absent:
		f.Verdict = bad
		if w.State == Absent {
			f.Found = "not set"
		}
	case w.State == NotOffered:
		f.Verdict = Warned
		f.Message = "the store does not know the question, so that nothing shows it: " + message
	default:
		f.Verdict = NotShown
		f.Message = fmt.Sprintf("the store answered %s, which says nothing of it", w.Said)
		f.Remedy = "see that the credential may read the setting"
	}
	j.add(f)
}
