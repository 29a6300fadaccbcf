package archive

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// measures count since the start.
type measures struct {
	objects, events, failed atomic.Int64
	registered              metric.Registration
}

// measure makes the exporter's metrics: an alert on lag looks at the age of the oldest line that is not in the archive.
func (a *archiver) measure() error {
	meter := a.telemetry.MeterProvider.Meter("github.com/lagrum/lagrum/collector/archive")
	gauge := func(name, unit, what string) (metric.Int64Observable, error) {
		return meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(what))
	}
	counter := func(name, what string) (metric.Int64Observable, error) {
		return meter.Int64ObservableCounter(name, metric.WithDescription(what))
	}
	waiting, err1 := gauge("lagrum_archive_waiting_bytes", "By", "what was taken and is not in the archive yet")
	lag, err2 := gauge("lagrum_archive_lag_seconds", "s", "age of the oldest line that is not in the archive yet")
	objects, err3 := counter("lagrum_archive_objects", "objects whose lock was read back")
	events, err4 := counter("lagrum_archive_events", "lines in those objects")
	failed, err5 := counter("lagrum_archive_failures", "tries that failed, each tried again")
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return err
	}
	class := metric.WithAttributes(attribute.String("class", a.config.Class))
	var err error
	a.measures.registered, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		bytes, age := a.spool.waiting()
		for of, value := range map[metric.Int64Observable]int64{
			waiting: bytes, lag: int64(age.Seconds()), objects: a.measures.objects.Load(), events: a.measures.events.Load(), failed: a.measures.failed.Load(),
		} {
			o.ObserveInt64(of, value, class)
		}
		return nil
	}, waiting, lag, objects, events, failed)
	return err
}

func (a *archiver) unmeasure() error {
	if a.measures.registered == nil {
		return nil
	}
	return a.measures.registered.Unregister()
}
