package objectlock

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
)

// attack makes every check of the catalogue, in its order.
func (r *run) attack(ctx context.Context) error {
	steps := append([]step{
		r.controls,
		r.canaryAttacks(r.onVersion()),
		r.suspend,
		r.expireAll,
		r.canaryAttacks(r.onObject()),
	}, r.last()...)
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// step makes some of the checks.
type step = func(context.Context) error

// last are the checks that come after all others, since nothing could be tried after one of them that is accepted.
func (r *run) last() []step {
	return []step{
		r.changeDefault("default-weaken", minio.Governance),
		r.changeDefault("default-remove", ""),
		r.canaryAttacks([]canaryAttack{{"delete-again", func(ctx context.Context, c *canary) Answer {
			return r.remove(ctx, c.key, minio.RemoveObjectOptions{VersionID: c.version, GovernanceBypass: true})
		}}}),
		r.bucketAttack("delete-bucket", func(ctx context.Context) []Answer { return []Answer{r.removeBucket(ctx, false)} }),
		r.bucketAttack("delete-bucket-force", func(ctx context.Context) []Answer { return []Answer{r.removeBucket(ctx, true)} }),
	}
}

// settle is how long a canary may be unreadable after a lifecycle rule hid it. A store may expire an object on the very
// read that asks for it, and answers that one as if nothing were there; a version that is really gone does not come back.
const settle = 5 * time.Second

// expireAll sets a rule that expires everything at once, and takes it back.
func (r *run) expireAll(ctx context.Context) error {
	rule := lifecycle.Rule{ID: "everything-now",
		// The date has to be a midnight.
		Expiration:                  lifecycle.Expiration{Date: lifecycle.ExpirationDate{Time: r.now().Truncate(24 * time.Hour)}},
		NoncurrentVersionExpiration: lifecycle.NoncurrentVersionExpiration{NoncurrentDays: 1}}
	var set Answer
	err := r.bucketAttack("lifecycle", func(ctx context.Context) []Answer {
		if set = r.expire(ctx, rule); set.ok() {
			r.wait(ctx)
		}
		return []Answer{set}
	})(ctx)
	if err != nil || !set.ok() {
		return err
	}
	if answer := r.expire(ctx, ending()); !answer.ok() {
		return fmt.Errorf("take back a lifecycle rule: %w", r.explain(answer))
	}
	return nil
}

// wait looks at the canaries until they stand, or it took too long.
func (r *run) wait(ctx context.Context) {
	for deadline := time.Now().Add(min(settle, r.limit)); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		own, _ := r.look(ctx, r.canaries[OwnDate])
		byDefault, _ := r.look(ctx, r.canaries[ByDefault])
		if own == "" && byDefault == "" {
			return
		}
	}
}

// controls makes sure that the credential can do to unlocked objects what it must not do to locked ones.
func (r *run) controls(ctx context.Context) error {
	_, skew := r.tape.last()
	clock := Finding{ID: "clock", Kind: Fact, On: Store, Verdict: Holds}
	if skew.Abs() > clockSlack+time.Second { // its date has whole seconds
		clock.Verdict, clock.Effect = Fails, fmt.Sprintf("the store's is %s from this machine's", skew.Round(time.Second))
	}
	r.note(clock)

	answer := r.expire(ctx, ending())
	r.expires = answer.ok()
	r.note(Finding{ID: "lifecycle-rule", Kind: Control, On: Bucket, Answers: []Answer{answer}, Verdict: judgeControl(answer)})
	answer = r.ask(ctx, func(ctx context.Context) error { return r.client.EnableVersioning(ctx, r.bucket) })
	r.note(Finding{ID: "versioning-on", Kind: Control, On: Bucket, Answers: []Answer{answer}, Verdict: judgeControl(answer)})

	if answer := r.lockByDefault(ctx, ""); !answer.ok() {
		return fmt.Errorf("remove the bucket's default, to try a delete without lock: %w", r.explain(answer))
	}
	if err := r.control(ctx, "delete-unlocked", Unlocked, "", minio.RemoveObjectOptions{}); err != nil {
		return err
	}
	if err := r.control(ctx, "bypass-governance", Governance, minio.Governance, minio.RemoveObjectOptions{GovernanceBypass: true}); err != nil {
		return err
	}
	if answer := r.lockByDefault(ctx, minio.Compliance); !answer.ok() {
		return fmt.Errorf("set the bucket's default to one day of compliance: %w", r.explain(answer))
	}
	if err := r.both(ctx); err != nil {
		return err
	}
	c := r.canaries[OwnDate]
	until := c.until.Add(time.Minute)
	answer = r.retain(ctx, c, minio.Compliance, until, false)
	if answer.ok() {
		c.until = until
	}
	r.note(Finding{ID: "extend", Kind: Control, On: OwnDate, Answers: []Answer{answer}, Verdict: judgeControl(answer)})
	return nil
}

// control deletes a version that may be deleted.
func (r *run) control(ctx context.Context, id ID, on Subject, mode minio.RetentionMode, options minio.RemoveObjectOptions) error {
	r.put++
	key, until := fmt.Sprintf("%s%d", r.prefix, r.put), time.Time{}
	if mode != "" {
		until = r.now().Add(lockTime).Truncate(time.Second)
	}
	version, answer := r.store.put(ctx, key, content(on), mode, until)
	// A store that knows compliance alone calls the other mode a bad request.
	unknown := answer.notOffered() || on == Governance && answer.Status == http.StatusBadRequest
	if !answer.ok() && !unknown {
		return fmt.Errorf("put an object (%s): %w", on, r.explain(answer))
	}
	if answer.ok() {
		options.VersionID = version
		answer = r.remove(ctx, key, options)
	}
	f := Finding{ID: id, Kind: Control, On: on, Answers: []Answer{answer}, Verdict: judgeControl(answer)}
	if unknown {
		f.Verdict = NotOffered
	}
	// A store that only says that it deleted would say the same of a locked version.
	if _, left := r.get(ctx, key, version); f.Verdict == Holds && left.ok() {
		f.Verdict, f.Effect = Fails, "the version is still there"
	}
	r.note(f)
	return nil
}

// canaryAttack is done to each kind of canary.
type canaryAttack struct {
	id ID
	do func(context.Context, *canary) Answer
}

// onVersion are the attacks that name the canary's version.
func (r *run) onVersion() []canaryAttack {
	remove := func(bypass bool) func(context.Context, *canary) Answer {
		return func(ctx context.Context, c *canary) Answer {
			return r.remove(ctx, c.key, minio.RemoveObjectOptions{VersionID: c.version, GovernanceBypass: bypass})
		}
	}
	// An hour is left, since a date in the past would be refused for being that.
	shorten := func(bypass bool) func(context.Context, *canary) Answer {
		return func(ctx context.Context, c *canary) Answer {
			return r.retain(ctx, c, minio.Compliance, c.until.Add(time.Hour-lockTime), bypass)
		}
	}
	mode := func(bypass bool) func(context.Context, *canary) Answer {
		return func(ctx context.Context, c *canary) Answer {
			return r.retain(ctx, c, minio.Governance, c.until, bypass)
		}
	}
	unset := func(bypass bool) func(context.Context, *canary) Answer {
		return func(ctx context.Context, c *canary) Answer { return r.retain(ctx, c, "", time.Time{}, bypass) }
	}
	return []canaryAttack{
		{"delete", remove(false)},
		{"delete-bypass", remove(true)},
		{"delete-batch", func(ctx context.Context, c *canary) Answer { return r.removeBatch(ctx, c.key, c.version) }},
		{"shorten", shorten(false)},
		{"shorten-bypass", shorten(true)},
		{"mode", mode(false)},
		{"mode-bypass", mode(true)},
		{"unset", unset(false)},
		{"unset-bypass", unset(true)},
	}
}

// onObject are the attacks that name the object alone, which S3 answers with a new version or a delete marker. Each meets
// a canary that is the current version: what hides it is taken away before the next.
func (r *run) onObject() []canaryAttack {
	return []canaryAttack{
		{"marker", func(ctx context.Context, c *canary) Answer { return r.remove(ctx, c.key, minio.RemoveObjectOptions{}) }},
		{"delete-force", func(ctx context.Context, c *canary) Answer {
			return r.remove(ctx, c.key, minio.RemoveObjectOptions{ForceDelete: true})
		}},
		{"overwrite", func(ctx context.Context, c *canary) Answer {
			_, answer := r.store.put(ctx, c.key, []byte("overwritten\n"), "", time.Time{})
			return answer
		}},
	}
}

func (r *run) canaryAttacks(attacks []canaryAttack) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, a := range attacks {
			for _, on := range r.subjects {
				c, err := r.canary(ctx, on)
				if err != nil {
					return err
				}
				answer := a.do(ctx, c)
				r.conclude(ctx, a.id, on, []Answer{answer}, "", on)
				r.unhide(ctx, c)
			}
		}
		return nil
	}
}

// unhide removes delete markers, which is always allowed, from above a canary, or gives the canary up.
func (r *run) unhide(ctx context.Context, c *canary) {
	if r.given {
		return
	}
	all, answer := r.versions(ctx, c.key)
	shown := answer.ok()
	for _, v := range all {
		if v.Key == c.key && v.IsDeleteMarker {
			shown = r.remove(ctx, v.Key, minio.RemoveObjectOptions{VersionID: v.VersionID}).ok() && shown
		}
	}
	if !shown {
		delete(r.canaries, c.on)
	}
}

// bucketAttack attacks the bucket and looks at both canaries.
func (r *run) bucketAttack(id ID, do func(context.Context) []Answer) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := r.both(ctx); err != nil {
			return err
		}
		r.conclude(ctx, id, Bucket, do(ctx), "", OwnDate, ByDefault)
		return nil
	}
}

// both makes sure that there is a living canary of either kind.
func (r *run) both(ctx context.Context) error {
	for _, on := range []Subject{OwnDate, ByDefault} {
		if _, err := r.canary(ctx, on); err != nil {
			return err
		}
	}
	return nil
}

// conclude judges an attack by its answers, by an effect that is known already, and by what became of the canaries. A
// canary that was harmed is given up: the next attack shall meet one that is whole.
func (r *run) conclude(ctx context.Context, id ID, on Subject, answers []Answer, effect string, look ...Subject) {
	var trouble *Answer
	for _, which := range look {
		harm, unseen := r.look(ctx, r.canaries[which])
		if unseen != nil {
			trouble = unseen
		}
		if harm == "" {
			continue
		}
		delete(r.canaries, which)
		if len(look) > 1 {
			harm = fmt.Sprintf("%s (%s)", harm, which)
		}
		if effect != "" {
			effect += "; "
		}
		effect += harm
	}
	f := Finding{ID: id, Kind: Attack, On: on, Answers: answers, Verdict: judgeAttack(answers, effect), Effect: effect}
	if trouble != nil && f.Verdict != Accepted {
		f.Verdict, f.Effect = Unclear, "the canary could not be read: "+trouble.full()
	}
	r.note(f)
}

// suspend tries to suspend versioning, and enables it again.
func (r *run) suspend(ctx context.Context) error {
	if err := r.both(ctx); err != nil {
		return err
	}
	answer := r.ask(ctx, func(ctx context.Context) error { return r.client.SuspendVersioning(ctx, r.bucket) })
	effect := ""
	read := r.ask(ctx, func(ctx context.Context) error {
		now, err := r.client.GetBucketVersioning(ctx, r.bucket)
		if err == nil && !now.Enabled() {
			effect = "versioning is off"
		}
		return err
	})
	answers := []Answer{answer}
	if !read.ok() {
		answers = append(answers, read)
	}
	r.conclude(ctx, "suspend", Bucket, answers, effect, OwnDate, ByDefault)
	if effect == "" {
		return nil
	}
	if answer := r.ask(ctx, func(ctx context.Context) error { return r.client.EnableVersioning(ctx, r.bucket) }); !answer.ok() {
		return fmt.Errorf("enable versioning again: %w", r.explain(answer))
	}
	return nil
}

// changeDefault changes the bucket's default and then tries to delete what it locked, and what is put afterwards.
func (r *run) changeDefault(id ID, mode minio.RetentionMode) func(context.Context) error {
	return func(ctx context.Context) error {
		var change Answer
		err := r.bucketAttack(id, func(ctx context.Context) []Answer {
			if change = r.lockByDefault(ctx, mode); !change.ok() {
				return []Answer{change}
			}
			c := r.canaries[ByDefault]
			return []Answer{change, r.remove(ctx, c.key, minio.RemoveObjectOptions{VersionID: c.version, GovernanceBypass: true})}
		})(ctx)
		if err != nil {
			return err
		}
		if !change.ok() {
			r.note(Finding{ID: id, Kind: Later, On: LaterOnes, Answers: []Answer{change}, Verdict: Unaffected})
			return nil
		}
		r.put++
		key := fmt.Sprintf("%s%d", r.prefix, r.put)
		version, answer := r.store.put(ctx, key, content(LaterOnes), "", time.Time{})
		if !answer.ok() {
			return fmt.Errorf("put an object after a change of the bucket's default: %w", r.explain(answer))
		}
		gone := r.remove(ctx, key, minio.RemoveObjectOptions{VersionID: version, GovernanceBypass: true})
		f := Finding{ID: id, Kind: Later, On: LaterOnes, Answers: []Answer{answer, gone}, Verdict: Unaffected}
		if _, left := r.get(ctx, key, version); left.gone() {
			f.Verdict, f.Effect = Affected, "it could be deleted at once"
		} else if gone.unclear() || !left.ok() {
			f.Verdict = Unclear
		}
		r.note(f)
		if answer := r.lockByDefault(ctx, minio.Compliance); !answer.ok() {
			return fmt.Errorf("set the bucket's default to one day of compliance again: %w", r.explain(answer))
		}
		return nil
	}
}
