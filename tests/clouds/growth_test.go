//go:build lab

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// BenchmarkEngine has the real engine preview a production stack with ever more workers before anything exists, make it,
// and preview it once more, unchanged. The plugins of the clouds answer at once: what is measured is the engine, the
// program and the plugins of keys. bench/growth prints it as a table.
func BenchmarkEngine(b *testing.B) {
	e := prepare(b)
	// The state is written once, at the end: with a folder as backend each step would write all of it.
	e.Env = append(e.Env, "PULUMI_SKIP_CHECKPOINTS=true", "PULUMI_EXPERIMENTAL=true", "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS=true")
	for _, name := range []string{"se-prod", "dk-prod"} {
		for _, nodes := range []int{10, 100, 1000} {
			b.Run(fmt.Sprintf("%s/nodes=%d", name, nodes), func(b *testing.B) {
				for b.Loop() {
					e.grow(b, name, nodes)
				}
			})
		}
	}
}

var (
	toCreate = regexp.MustCompile(`\+ (\d+) to create`)
	changed  = regexp.MustCompile(`to (update|replace|delete)`)
)

func (e *clouds) grow(b *testing.B, name string, nodes int) {
	b.Helper()
	state := filepath.Join(e.Dir, "state")
	require.NoError(b, os.RemoveAll(state))
	require.NoError(b, os.MkdirAll(state, 0o755))
	text := sized(b, name, nodes)
	require.NoError(b, e.Init(name, text))

	first := toCreate.FindStringSubmatch(e.timed(b, name, "preview", "preview"))
	require.NotNil(b, first, "the first preview makes everything")
	resources, err := strconv.ParseFloat(first[1], 64)
	require.NoError(b, err)
	b.ReportMetric(resources, "resources")

	e.timed(b, name, "up", inCloud("up", "--yes", "--skip-preview")...)
	written, err := os.Stat(filepath.Join(state, ".pulumi/stacks/lagrum", name+".json"))
	require.NoError(b, err)
	b.ReportMetric(float64(written.Size())/1024, "state-KiB")

	// With --target the engine compares each resource with every other at the end, which no ordinary preview does.
	again := e.timed(b, name, "again", "preview", "--exclude", "**kubernetes:**")
	require.Contains(b, again, "unchanged")
	require.NotRegexp(b, changed, again)
}

// sized is a declared stack with as many nodes.
func sized(b *testing.B, name string, nodes int) []byte {
	b.Helper()
	text, err := os.ReadFile(filepath.Join(checkout, "Pulumi."+name+".yaml"))
	require.NoError(b, err)
	var file map[string]any
	require.NoError(b, yaml.Unmarshal(text, &file))
	site := file["config"].(map[string]any)["lagrum:site"].(map[string]any)
	site["cluster"].(map[string]any)["podCIDR"] = "10.128.0.0/9" // each node takes a /24 of it
	others := 0
	var workers map[string]any
	for _, pool := range site["nodePools"].([]any) {
		if p := pool.(map[string]any); p["role"] == "worker" && workers == nil {
			workers = p
		} else {
			others += int(p["count"].(float64))
		}
	}
	workers["count"] = nodes - others
	out, err := yaml.Marshal(file)
	require.NoError(b, err)
	return out
}

// timed runs one operation and reports its seconds, its processor seconds and its largest process. GNU time starts it,
// since a child begins with the peak of memory that its parent has.
func (e *clouds) timed(b *testing.B, name, what string, args ...string) string {
	b.Helper()
	figures := filepath.Join(e.Dir, "time")
	cmd := e.Command(1800, name, args...)
	cmd.Args = append([]string{"time", "--quiet", "--output", figures, "--format", "%e %U %S %M", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/usr/bin/time"
	out, err := cmd.CombinedOutput()
	require.NoError(b, err, "pulumi %v\n%s", args, out[max(0, len(out)-4000):])
	text, err := os.ReadFile(figures)
	require.NoError(b, err)
	var wall, user, system, peak float64
	_, err = fmt.Sscan(string(text), &wall, &user, &system, &peak)
	require.NoError(b, err)
	b.ReportMetric(wall, what+"-s")
	b.ReportMetric(user+system, what+"-cpu-s")
	b.ReportMetric(peak/1024, what+"-MiB")
	return string(out)
}
