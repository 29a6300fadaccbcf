package record

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor/processortest"
)

const prefix = "2026-06-01T12:00:00.5Z stdout F "

func rules() *Config {
	return &Config{Sources: map[string]Rule{
		"audit": {UID: []string{"auditID", "stage"}},
		"patient-access": {Container: true, UID: []string{"id"}, Time: "time",
			Fields: []string{"time", "who", "unit", "patient", "action"}},
	}}
}

// process sends one record through the processor.
func process(t *testing.T, source string, set func(plog.LogRecord)) plog.LogRecord {
	t.Helper()
	sink := new(consumertest.LogsSink)
	p, err := NewFactory().CreateLogs(t.Context(), processortest.NewNopSettings(Type), rules(), sink)
	require.NoError(t, err)
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	if source != "" {
		resource.Resource().Attributes().PutStr(Source, source)
	}
	set(resource.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
	require.NoError(t, p.ConsumeLogs(context.Background(), logs))
	require.Equal(t, 1, sink.LogRecordCount(), "kept, whatever it is")
	return sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
}

func attribute(record plog.LogRecord, name string) string {
	value, there := record.Attributes().Get(name)
	if !there {
		return ""
	}
	return value.AsString()
}

func TestRecords(t *testing.T) {
	t.Parallel()
	const good = `{"id":"a-1","time":"2026-06-01T12:00:00Z","who":"anna","unit":"ward 7","patient":"p-4711","action":"read"}`
	for name, row := range map[string]struct {
		source, body, uid, flaw string
	}{
		"an audit event":                 {"audit", `{"auditID":"1-2","stage":"Panic"}`, "1-2/Panic", ""},
		"an audit event without a stage": {"audit", `{"auditID":"1-2"}`, "", "auditID, stage: not all are there"},
		"an audit event with a number":   {"audit", `{"auditID":7,"stage":"Panic"}`, "", "auditID, stage: not all are there"},
		"half an audit event":            {"audit", `{"auditID":"1-2","sta`, "", "is no JSON object"},
		"null":                           {"audit", `null`, "", "is no JSON object"},
		"a list":                         {"audit", `[]`, "", "is no JSON object"},
		"access":                         {"patient-access", prefix + good, "a-1", ""},
		"access without an id":           {"patient-access", prefix + `{"time":"2026-06-01T12:00:00Z","who":"anna","unit":"ward 7","patient":"p-4711","action":"read"}`, "", ""},
		"access by nobody": {"patient-access", prefix + `{"id":"a-1","time":"2026-06-01T12:00:00Z","who":"","unit":"ward 7","action":"read"}`, "a-1",
			"who is missing; patient is missing"},
		"access at no time": {"patient-access", prefix + `{"id":"a-1","time":"noon","who":"anna","unit":"ward 7","patient":"p-4711","action":"read"}`, "a-1",
			"time is no time of RFC 3339"},
		"no JSON":                 {"patient-access", prefix + "hello", "", "is no JSON object"},
		"a part of a line":        {"patient-access", "2026-06-01T12:00:00.5Z stdout P " + good, "", "is a part of a line that the container runtime cut"},
		"no container's":          {"patient-access", "hello", "", "has no prefix of a container runtime"},
		"no source":               {"", "hello", "", ""},
		"a source without a rule": {"journal", "hello", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			record := process(t, row.source, func(r plog.LogRecord) { r.Body().SetStr(row.body) })
			assert.Equal(t, row.body, record.Body().Str(), "the body is as it was")
			assert.Equal(t, []string{row.uid, row.flaw}, []string{attribute(record, UID), attribute(record, Flaw)})
		})
	}
}

func TestFieldsBecomeAttributes(t *testing.T) {
	t.Parallel()
	record := process(t, "patient-access", func(r plog.LogRecord) {
		r.Body().SetStr(prefix + `{"time":"2026-06-01T14:00:00+02:00","who":"anna","unit":"ward 7","patient":"p-4711","action":"read","more":1}`)
	})
	assert.Equal(t, map[string]any{"lagrum.field.time": "2026-06-01T14:00:00+02:00", "lagrum.field.who": "anna", "lagrum.field.unit": "ward 7",
		"lagrum.field.patient": "p-4711", "lagrum.field.action": "read"}, record.Attributes().AsRaw())
	assert.Equal(t, time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC), record.Timestamp().AsTime())
}

func TestABodyThatIsNoText(t *testing.T) {
	t.Parallel()
	record := process(t, "audit", func(r plog.LogRecord) { r.Body().SetEmptyMap().PutStr("a", "b") })
	assert.Equal(t, "is no text", attribute(record, Flaw))
}

func TestConfigTellsEveryMistake(t *testing.T) {
	t.Parallel()
	require.NoError(t, rules().Validate())
	bad := Config{Sources: map[string]Rule{"a": {}, "b": {Fields: []string{"x"}, Time: "y"}}}
	err := bad.Validate()
	require.ErrorContains(t, err, "sources::a: says nothing; give uid or fields, or leave it out")
	require.ErrorContains(t, err, `sources::b::time "y": is none of its fields`)
}
