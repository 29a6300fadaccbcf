package site

import (
	"reflect"
	"strings"
)

// Field is one key of a section, as its struct tags describe it. The reader and the reference documentation both
// go by it.
type Field struct {
	Name     string // of the Go field
	Key      string // in YAML
	Required bool   // no default, and not optional
	Example  string // as YAML
	index    int
}

// Fields lists the keys of a section type in order.
func Fields(section reflect.Type) []Field {
	fields := make([]Field, section.NumField())
	for i := range fields {
		f := section.Field(i)
		key, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		fields[i] = Field{f.Name, key, option != "omitempty", f.Tag.Get("example"), i}
	}
	return fields
}

// addition is the remedy of a missing field.
func (f Field) addition() string {
	if f.Example == "" {
		return "add the section, see docs/site.md"
	}
	return "add it, e.g. " + f.Key + ": " + f.Example
}

// nearest finds the word that a key was probably meant to be: the same but for case, or at most two letters away and
// less than half of it. Empty: none.
func nearest(key string, words []string) string {
	best, least := "", 3
	for _, word := range words {
		if strings.EqualFold(key, word) {
			return word
		}
		if n := distance(key, word); n < least && 2*n < len(word) {
			best, least = word, n
		}
	}
	return best
}

// distance is the number of letters to insert, delete or change (Levenshtein). Words that differ in length by more
// than three are far apart without counting.
func distance(a, b string) int {
	if d := len(a) - len(b); d > 3 || d < -3 {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		above := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := above
			if a[i] != b[j] {
				change++
			}
			above = row[j+1]
			row[j+1] = min(change, row[j]+1, above+1)
		}
	}
	return row[len(b)]
}
