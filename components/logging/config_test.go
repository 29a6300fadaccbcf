package logging

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/stacks/site"
	"github.com/lagrum/lagrum/tests/golden"
)

func node() Config {
	at := func(class string, days int) Archive {
		return Archive{Endpoint: "https://s3.example.org", Region: "sto-1", Bucket: "se-prod-audit-" + class, FloorDays: days,
			KeyIDFile: "/etc/lagrum/" + class + "/id", KeyFile: "/etc/lagrum/" + class + "/secret"}
	}
	return Config{
		Cluster: "se-prod", Node: "${env:NODE_NAME}", Search: "http://search.lagrum-logging.svc:9428/insert/opentelemetry/v1/logs",
		Archives: map[string]Archive{PlatformSecurity: at("platform-security", 90), PatientAccess: at("patient-access", 1827)},
		Logs:     "/host/log", Journal: "/host/log/journal", State: "/var/lib/lagrum-collector",
		Health: "0.0.0.0:13133", MetricsHost: "0.0.0.0", MetricsPort: 8888,
	}
}

func TestConfigGolden(t *testing.T) {
	t.Parallel()
	text, err := node().Render()
	require.NoError(t, err)
	golden.Compare(t, "collector.yaml", string(text))
}

// On the way to the archive is nothing that may refuse a record, hold it in memory, or read on before it is on disk.
func TestNothingOnTheWayToTheArchiveForgets(t *testing.T) {
	t.Parallel()
	text, err := node().Render()
	require.NoError(t, err)
	var read struct {
		Receivers map[string]struct {
			Storage string
			Retry   struct {
				Enabled bool
				Limit   string `json:"max_elapsed_time"`
			} `json:"retry_on_failure"`
			StartAt   string           `json:"start_at"`
			Operators []map[string]any `json:"operators"`
		}
		Extensions map[string]struct{ Fsync bool }
		Service    struct {
			Pipelines map[string]struct{ Receivers, Processors, Exporters []string }
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &read))
	archives := 0
	for name, p := range read.Service.Pipelines {
		if !strings.HasPrefix(name, "logs/archive-") {
			continue
		}
		archives++
		assert.Equal(t, []string{"lagrumrecord"}, p.Processors)
		require.Len(t, p.Exporters, 1)
		assert.Equal(t, "lagrumarchive/"+strings.TrimPrefix(name, "logs/archive-"), p.Exporters[0])
		for _, of := range p.Receivers {
			r := read.Receivers[of]
			assert.Equal(t, "file_storage/archive", r.Storage, of)
			assert.True(t, read.Extensions[r.Storage].Fsync)
			assert.True(t, r.Retry.Enabled, of)
			assert.Equal(t, "0s", r.Retry.Limit, of)
			assert.Equal(t, "beginning", r.StartAt, of)
			assert.Empty(t, r.Operators, "%s: an operator hands lines on one by one", of)
			for other, q := range read.Service.Pipelines {
				if other != name {
					assert.NotContains(t, q.Receivers, of, "another way would make it wait")
				}
			}
		}
	}
	assert.Equal(t, 2, archives)
}

// Every source is in a class that a site knows, and says why.
func TestSources(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, s := range Sources() {
		assert.False(t, names[s.Name], s.Name)
		names[s.Name] = true
		assert.NotEmpty(t, s.Why, s.Name)
		assert.NotEqual(t, len(s.Files) > 0, len(s.Journal) > 0, "%s: reads files or the journal", s.Name)
		assert.Contains(t, []site.LogClass{site.PlatformSecurity, site.PatientAccess}, site.LogClass(s.Class), s.Name)
	}
}

func TestWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	c := node()
	c.Journal, c.Search = "", ""
	delete(c.Archives, PatientAccess)
	text, err := c.Render()
	require.NoError(t, err)
	for _, gone := range []string{"journald", "otlphttp", "memory_limiter", "patient-access", "file_storage/search"} {
		assert.NotContains(t, string(text), gone)
	}
	c.Archives = nil
	_, err = c.Render()
	require.EqualError(t, err, "collector of se-prod: no log class has an archive")
}
