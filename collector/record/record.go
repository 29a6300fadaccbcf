// Package record is a processor that says what a log record is: its unique id where its source gives one, and what is
// wrong with it where its source has a schema. It drops nothing and changes no body: a malformed record is kept and
// flagged. The rules are data.
package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
)

// Type is what the processor is called in a configuration.
var Type = component.MustNewType("lagrumrecord")

// The attributes that it reads and sets.
const (
	Source = "lagrum.source" // of the resource: which rule holds; the receiver sets it
	UID    = "log.record.uid"
	Flaw   = "lagrum.flaw"
	Field  = "lagrum.field." // before the name of each field of a schema
)

// Config has a rule for each source. A source without one is left as it is.
type Config struct {
	Sources map[string]Rule `mapstructure:"sources"`
}

// Rule is how the records of a source are read. Each is one JSON object.
type Rule struct {
	// Container says that a container runtime put its prefix before the record: time, stream, and whether it is whole.
	Container bool `mapstructure:"container"`
	// UID are the fields whose values, joined by slashes, name a record uniquely.
	UID []string `mapstructure:"uid"`
	// Fields are texts that have to be there. They become attributes.
	Fields []string `mapstructure:"fields"`
	// Time is the one of the fields that is a time, as RFC 3339 has it; it becomes the record's.
	Time string `mapstructure:"time"`
}

// Validate reports every mistake at once.
func (c *Config) Validate() error {
	var errs []error
	for name, rule := range c.Sources {
		if len(rule.UID)+len(rule.Fields) == 0 {
			errs = append(errs, fmt.Errorf("sources::%s: says nothing; give uid or fields, or leave it out", name))
		}
		if rule.Time != "" && !slices.Contains(rule.Fields, rule.Time) {
			errs = append(errs, fmt.Errorf("sources::%s::time %q: is none of its fields", name, rule.Time))
		}
	}
	return errors.Join(errs...)
}

// NewFactory makes processors.
func NewFactory() processor.Factory {
	return processor.NewFactory(Type, func() component.Config { return &Config{} }, processor.WithLogs(
		func(ctx context.Context, set processor.Settings, config component.Config, next consumer.Logs) (processor.Logs, error) {
			rules := config.(*Config).Sources
			return processorhelper.NewLogs(ctx, set, config, next, func(_ context.Context, logs plog.Logs) (plog.Logs, error) {
				for _, resource := range logs.ResourceLogs().All() {
					source, told := resource.Resource().Attributes().Get(Source)
					if !told {
						continue
					}
					rule, ruled := rules[source.AsString()]
					if !ruled {
						continue
					}
					for _, scope := range resource.ScopeLogs().All() {
						for _, record := range scope.LogRecords().All() {
							rule.apply(record)
						}
					}
				}
				return logs, nil
			}, processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}))
		}, component.StabilityLevelBeta))
}

// apply reads a record and says what is wrong with it, all of it.
func (r Rule) apply(record plog.LogRecord) {
	flag := func(flaws ...string) { record.Attributes().PutStr(Flaw, strings.Join(flaws, "; ")) }
	text := record.Body().AsString()
	if record.Body().Type() != pcommon.ValueTypeStr {
		flag("is no text")
		return
	}
	if r.Container {
		var flaw string
		if text, flaw = unwrap(text); flaw != "" {
			flag(flaw)
			return
		}
	}
	var read map[string]any
	if err := json.Unmarshal([]byte(text), &read); err != nil || read == nil {
		flag("is no JSON object")
		return
	}
	var flaws, uid []string
	for _, name := range r.Fields {
		value, there := read[name].(string)
		if !there || value == "" {
			flaws = append(flaws, name+" is missing")
			continue
		}
		record.Attributes().PutStr(Field+name, value)
		if name != r.Time {
			continue
		}
		if at, err := time.Parse(time.RFC3339Nano, value); err != nil {
			flaws = append(flaws, name+" is no time of RFC 3339")
		} else {
			record.SetTimestamp(pcommon.NewTimestampFromTime(at))
		}
	}
	for _, name := range r.UID {
		if value, there := read[name].(string); there && value != "" {
			uid = append(uid, value)
		}
	}
	// A source with a schema may leave the id out; one that is nothing but ids may not.
	switch {
	case len(r.UID) > 0 && len(uid) == len(r.UID):
		record.Attributes().PutStr(UID, strings.Join(uid, "/"))
	case len(r.Fields) == 0:
		flaws = append(flaws, strings.Join(r.UID, ", ")+": not all are there")
	}
	if len(flaws) > 0 {
		flag(flaws...)
	}
}

// unwrap takes a container runtime's prefix off. A line that the runtime cut in parts has none that can be read alone.
func unwrap(line string) (text, flaw string) {
	parts := strings.SplitN(line, " ", 4)
	if len(parts) != 4 {
		return "", "has no prefix of a container runtime"
	}
	if parts[2] != "F" {
		return "", "is a part of a line that the container runtime cut"
	}
	return parts[3], ""
}
