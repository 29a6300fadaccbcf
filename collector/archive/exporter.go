package archive

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
)

// Type is what the exporter is called in a configuration.
var Type = component.MustNewType("lagrumarchive")

// NewFactory makes exporters, one for each log class.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(Type, defaults, exporter.WithLogs(func(_ context.Context, set exporter.Settings, config component.Config) (exporter.Logs, error) {
		c := config.(*Config)
		return &archiver{config: *c, log: set.Logger, telemetry: set.TelemetrySettings, bucket: newBucket(*c), now: time.Now}, nil
	}, component.StabilityLevelBeta))
}

// bucket is where objects go.
type bucket interface {
	// put makes an object that is locked, unless it is there already, and reads its lock back.
	put(ctx context.Context, o object) error
}

// archiver takes logs into its spool, and writes the spool to the archive.
type archiver struct {
	config    Config
	log       *zap.Logger
	telemetry component.TelemetrySettings
	bucket    bucket
	now       func() time.Time

	spool *spool
	chain *chain
	stop  context.CancelFunc
	done  sync.WaitGroup

	measures measures
}

// Start opens what the last collector left, and begins to write.
func (a *archiver) Start(context.Context, component.Host) error {
	var err error
	if a.spool, err = openSpool(a.config.Directory, a.config.SpoolBytes, a.config.ObjectBytes, a.now); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	begun := ""
	if a.chain, begun, err = openChain(a.config); err != nil {
		return fmt.Errorf("chain: %w", err)
	}
	if o := a.chain.next; o != nil {
		if err := a.spool.done(o.Part); err != nil {
			return err
		}
	}
	if begun != "" {
		a.log.Warn("a new chain begins, and the verifier will tell: "+begun, zap.String("chain", a.chain.at.Chain))
	}
	if err := a.measure(); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.done.Go(func() { a.run(ctx) })
	return nil
}

// Shutdown leaves on disk what is not in the archive yet.
func (a *archiver) Shutdown(context.Context) error {
	if a.stop == nil {
		return nil
	}
	a.stop()
	a.done.Wait()
	if err := a.unmeasure(); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return a.spool.close()
}

// Capabilities says that logs are only read.
func (a *archiver) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeLogs returns once the logs are on disk. It waits while there is no room, and fails only where the disk does: the
// receiver asks again then.
func (a *archiver) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	lines, count := encode(logs)
	if count == 0 {
		return nil
	}
	return a.spool.append(ctx, lines)
}

// firstPause is the pause after the first try that failed; each is twice the one before.
const firstPause = time.Second

// run writes one object after another until it is stopped. What failed is tried again, as it is, without end: a chain has
// one object at each place.
func (a *archiver) run(ctx context.Context) {
	pause, since := firstPause, time.Time{}
	for {
		if !a.await(ctx) {
			return
		}
		err := a.send(ctx)
		if err == nil {
			if !since.IsZero() {
				a.log.Info("the archive takes logs again", zap.Duration("after", a.now().Sub(since)))
			}
			pause, since = firstPause, time.Time{}
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if since.IsZero() {
			since = a.now()
		}
		a.measures.failed.Add(1)
		a.log.Error("not in the archive yet, and tried again without end", zap.Error(err), zap.Duration("for", a.now().Sub(since)), zap.Duration("again in", pause))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, a.config.RetryLimit)
	}
}

// look is how often the spool is looked at for lines that have waited long enough.
const look = 100 * time.Millisecond

// await returns when there is something to write, or false when it is stopped.
func (a *archiver) await(ctx context.Context) bool {
	tick := time.NewTicker(min(look, a.config.Interval))
	defer tick.Stop()
	for {
		if ctx.Err() != nil {
			return false
		}
		if a.chain.waiting() || a.spool.ready(a.config.Interval) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// send writes one object: the one that a crash or a failure left unfinished, or the oldest part of the spool.
//
// The object and its place in the chain are on disk before the first request, so that whatever happens the same bytes are
// put under the same name. Only what was not acknowledged on either side can come twice.
func (a *archiver) send(ctx context.Context) error {
	if !a.chain.waiting() {
		part, err := a.spool.oldest(a.config.Interval)
		if err != nil || part == nil {
			return err
		}
		if part.events == 0 { // a line that was torn by a crash, which its receiver sends again
			return a.spool.remove(part.id)
		}
		if err := a.chain.link(*part, a.now().UTC()); err != nil {
			return fmt.Errorf("link: %w", err)
		}
	}
	o := a.chain.next
	if err := a.spool.remove(o.Part); err != nil {
		return err
	}
	if err := a.bucket.put(ctx, *o); err != nil {
		return fmt.Errorf("%s: %w", o.Key, err)
	}
	if err := a.chain.advance(); err != nil {
		return fmt.Errorf("note that %s is in the archive: %w", o.Key, err)
	}
	a.measures.objects.Add(1)
	a.measures.events.Add(int64(o.Events))
	return nil
}
