package site_test

import (
	"testing"

	"github.com/lagrum/lagrum/stacks/site"
)

func BenchmarkLoad(b *testing.B) {
	text, err := site.Marshal(site.ExampleProd())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := site.Load(text); err != nil {
			b.Fatal(err)
		}
	}
}
