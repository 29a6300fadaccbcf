package archive

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// event is one line of an object.
type event struct {
	// Time is when it happened, if the record says so; Read is when the collector read it.
	Time *time.Time `json:"time,omitempty"`
	Read *time.Time `json:"read,omitempty"`
	// Body is the record as it was written. Bytes has it where it is no text in UTF-8, which JSON would change.
	Body  any    `json:"body,omitempty"`
	Bytes []byte `json:"bytes,omitempty"`
	// Attributes are what was made of it, Resource what wrote it.
	Attributes map[string]any `json:"attributes,omitempty"`
	Resource   map[string]any `json:"resource,omitempty"`
}

// encode makes one line of JSON of each record.
func encode(logs plog.Logs) (lines []byte, count int) {
	for _, resource := range logs.ResourceLogs().All() {
		of := resource.Resource().Attributes().AsRaw()
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				lines = append(append(lines, line(record, of)...), '\n')
				count++
			}
		}
	}
	return lines, count
}

func line(record plog.LogRecord, resource map[string]any) []byte {
	e := event{Time: moment(record.Timestamp()), Read: moment(record.ObservedTimestamp()), Attributes: record.Attributes().AsRaw(), Resource: resource}
	if text := record.Body(); text.Type() == pcommon.ValueTypeStr && !utf8.ValidString(text.Str()) {
		e.Bytes = []byte(text.Str())
	} else {
		e.Body = text.AsRaw()
	}
	encoded, err := json.Marshal(e)
	if err == nil {
		return encoded
	}
	// Numbers that JSON has no word for. What was written is kept as text.
	e.Body, e.Attributes, e.Resource = record.Body().AsString(), map[string]any{"lagrum.flaw": fmt.Sprintf("kept as text: %v", err)}, nil
	encoded, _ = json.Marshal(e) // texts alone
	return encoded
}

func moment(t pcommon.Timestamp) *time.Time {
	if t == 0 {
		return nil
	}
	at := t.AsTime().UTC()
	return &at
}
