package objectlock

// Kind of a check tells how its verdict counts.
type Kind string

const (
	// Control is the harmless twin of an attack: it must be possible, or refusals show nothing.
	Control Kind = "control"
	// Fact is a property that an archive needs.
	Fact Kind = "fact"
	// Attack must leave the canary as it was.
	Attack Kind = "attack"
	// Later shows what an attack means for objects that are put afterwards; the writer's policy has to close it.
	Later Kind = "later"
)

// ID names a check.
type ID string

// Subject is what a check is done to.
type Subject string

// The subjects.
const (
	Store      Subject = "store"
	Bucket     Subject = "bucket"
	OwnDate    Subject = "own date"   // a canary that was put with its own retain-until date
	ByDefault  Subject = "default"    // a canary locked by its bucket's default
	LaterOnes  Subject = "later"      // objects that are put after the bucket's default was changed
	Unlocked   Subject = "unlocked"   // an object without lock
	Governance Subject = "governance" // an object under governance, which may be bypassed
	Archived   Subject = "archived"   // a version of an archive that was made to be attacked
)

// Check is one row of what is tried.
type Check struct {
	ID   ID
	Kind Kind
	On   []Subject
	What string
	// Broken says what it means when the check fails, and Remedy what to do about it.
	Broken, Remedy string
}

// other is the remedy where a store is broken.
const other = "use another store, or a version of this one that refuses it"

var canaries = []Subject{OwnDate, ByDefault}

// Catalogue lists every check in the order in which they are made. What is in it and was not tried counts as failed.
func Catalogue() []Check {
	return []Check{
		{ID: "clock", Kind: Fact, On: []Subject{Store}, What: "compare the store's clock with this machine's",
			Broken: "the clocks differ by more than a minute, and locks end by the store's clock",
			Remedy: "set both clocks by the site's time source"},
		{ID: "lifecycle-rule", Kind: Control, On: []Subject{Bucket}, What: "set a lifecycle rule of one day",
			Broken: "the store expires nothing, so nothing would end at the ceiling that the law sets",
			Remedy: "use a store with lifecycle rules, or a credential with s3:PutLifecycleConfiguration if it was denied"},
		{ID: "versioning-on", Kind: Control, On: []Subject{Bucket}, What: "enable versioning, which is on already",
			Broken: "the credential may not set versioning, so that the refusal to suspend it shows nothing",
			Remedy: "use a credential with s3:PutBucketVersioning"},
		{ID: "delete-unlocked", Kind: Control, On: []Subject{Unlocked}, What: "delete a version that is not locked",
			Broken: "the credential may not delete versions, so that its refused deletes show nothing",
			Remedy: "use a credential with s3:DeleteObjectVersion"},
		{ID: "bypass-governance", Kind: Control, On: []Subject{Governance}, What: "delete a version under governance, bypassing it",
			Broken: "the credential may not bypass governance, so that its refused bypasses show nothing",
			Remedy: "use a credential with s3:BypassGovernanceRetention"},
		{ID: "date", Kind: Fact, On: canaries, What: "read the retain-until date back",
			Broken: "the date does not read back, so that nobody can verify how long an object is locked",
			Remedy: "use a store that keeps the date with each object"},
		// Of the one alone: where the other keeps no date of its own, this would give it one.
		{ID: "extend", Kind: Control, On: []Subject{OwnDate}, What: "lengthen the retention by a minute",
			Broken: "the credential may not set retention, so that the refusal to shorten it shows nothing",
			Remedy: "use a credential with s3:PutObjectRetention"},

		{ID: "delete", Kind: Attack, On: canaries, What: "delete the version",
			Broken: "a locked version can be deleted", Remedy: other},
		{ID: "delete-bypass", Kind: Attack, On: canaries, What: "delete the version, bypassing governance",
			Broken: "a version under compliance can be deleted as if it were under governance", Remedy: other},
		{ID: "delete-batch", Kind: Attack, On: canaries, What: "delete the version in a batch, bypassing governance",
			Broken: "a locked version can be deleted by the batch call", Remedy: other},
		{ID: "shorten", Kind: Attack, On: canaries, What: "shorten the retention to an hour",
			Broken: "the retention of a locked version can be shortened", Remedy: other},
		{ID: "shorten-bypass", Kind: Attack, On: canaries, What: "shorten the retention, bypassing governance",
			Broken: "the retention of a version under compliance can be shortened as if it were under governance", Remedy: other},
		{ID: "mode", Kind: Attack, On: canaries, What: "change the mode to governance",
			Broken: "compliance can be changed to governance, which can be bypassed", Remedy: other},
		{ID: "mode-bypass", Kind: Attack, On: canaries, What: "change the mode to governance, bypassing governance",
			Broken: "compliance can be changed to governance, which can be bypassed", Remedy: other},
		{ID: "unset", Kind: Attack, On: canaries, What: "remove the retention",
			Broken: "the retention of a locked version can be removed", Remedy: other},
		{ID: "unset-bypass", Kind: Attack, On: canaries, What: "remove the retention, bypassing governance",
			Broken: "the retention of a version under compliance can be removed", Remedy: other},
		{ID: "suspend", Kind: Attack, On: []Subject{Bucket}, What: "suspend versioning",
			Broken: "versioning can be suspended, and an overwrite then keeps no old version", Remedy: other},
		{ID: "lifecycle", Kind: Attack, On: []Subject{Bucket}, What: "set a lifecycle that expires everything now",
			Broken: "a lifecycle rule reaches locked versions", Remedy: other},
		{ID: "marker", Kind: Attack, On: canaries, What: "put a delete marker, read the old version",
			Broken: "a delete marker reaches the locked version", Remedy: other},
		{ID: "delete-force", Kind: Attack, On: canaries, What: "delete the object with a force header",
			Broken: "a locked version can be deleted by force", Remedy: other},
		{ID: "overwrite", Kind: Attack, On: canaries, What: "overwrite the object, read the old version",
			Broken: "an overwrite reaches the locked version", Remedy: other},
		{ID: "default-weaken", Kind: Attack, On: []Subject{Bucket}, What: "change the default to governance, then delete, bypassing it",
			Broken: "a change of the bucket's default reaches versions that were locked by it before", Remedy: other},
		{ID: "default-weaken", Kind: Later, On: []Subject{LaterOnes}, What: "put an object after that",
			Broken: "whoever may change the bucket's default weakens the lock of later objects: the writer sets each object's own retain-until date" +
				" and verifies it, and no credential in the cluster has s3:PutBucketObjectLockConfiguration"},
		{ID: "default-remove", Kind: Attack, On: []Subject{Bucket}, What: "remove the default, then delete",
			Broken: "removal of the bucket's default reaches versions that were locked by it before", Remedy: other},
		{ID: "default-remove", Kind: Later, On: []Subject{LaterOnes}, What: "put an object after that",
			Broken: "whoever may remove the bucket's default leaves later objects without any lock: a date that the writer sets and verifies does not depend on it"},
		{ID: "delete-again", Kind: Attack, On: canaries, What: "delete the version, after all of that",
			Broken: "one of the attacks unlocked the version, whatever the store answered to it", Remedy: other},
		{ID: "delete-bucket", Kind: Attack, On: []Subject{Bucket}, What: "delete the bucket",
			Broken: "a bucket can be deleted with locked versions in it", Remedy: other},
		{ID: "delete-bucket-force", Kind: Attack, On: []Subject{Bucket}, What: "delete the bucket with a force header",
			Broken: "a bucket can be deleted by force with locked versions in it", Remedy: other},
	}
}
