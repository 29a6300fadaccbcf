// Package logging says what a node's collector of logs reads, and where it writes it: to the archive of each log class,
// and to search.
//
// The two ways share nothing but the process. What waits for the archive makes its own receivers wait and nobody else, and
// search can lose nothing that the archive has. See docs/archive.md.
package logging

import (
	"fmt"
	"maps"
	"path"
	"slices"

	"sigs.k8s.io/yaml"
)

// Config is what a collector's configuration is made of. It holds no credential.
type Config struct {
	Cluster string
	// Node is the node's name, or where the collector finds it: ${env:NODE_NAME}.
	Node string
	// Archives by log class. A class without one is read by nobody.
	Archives map[string]Archive
	// Search is where VictoriaLogs takes logs by OTLP; empty: nowhere.
	Search string
	// Logs is where the collector sees the node's /var/log, Journal its journal; no journal is read where that is empty.
	Logs, Journal string
	// State is a directory that outlives the collector, on the node's own disk.
	State string
	// Health and Metrics are host:port and host, port to listen on.
	Health      string
	MetricsHost string
	MetricsPort int
}

// Archive is the bucket of a log class.
type Archive struct {
	Endpoint, Region, Bucket string
	FloorDays                int
	// KeyIDFile and KeyFile hold the two halves of the credential.
	KeyIDFile, KeyFile string
	// SpoolBytes is how much may wait on the node before its receivers have to, in bytes. 0: the exporter's default, 1 GiB.
	SpoolBytes int64
}

// object is a part of a configuration.
type object = map[string]any

// The ways that a record goes.
const (
	toArchive = "archive"
	toSearch  = "search"
)

// offsets are where a way's receivers keep how far they have read.
func offsets(way string) string { return "file_storage/" + way }

// Render is the configuration as the collector reads it.
func (c Config) Render() ([]byte, error) {
	receivers, exporters, pipelines, rules := object{}, object{}, object{}, object{}
	extensions := object{"health_check": object{"endpoint": c.Health}}
	processors := object{}
	store := func(way string) {
		extensions[offsets(way)] = object{"directory": path.Join(c.State, "offsets", way), "create_directory": true, "fsync": true}
	}
	add := func(way, pipeline string, s Source, processed []string, exporter string) {
		name, receiver := c.receiver(way, s)
		receivers[name] = receiver
		if _, made := pipelines[pipeline]; !made {
			pipelines[pipeline] = object{"receivers": []string{}, "processors": processed, "exporters": []string{exporter}}
		}
		p := pipelines[pipeline].(object)
		p["receivers"] = append(p["receivers"].([]string), name)
	}
	for _, s := range Sources() {
		archive, kept := c.Archives[s.Class]
		if !kept || len(s.Files) == 0 && c.Journal == "" {
			continue
		}
		store(toArchive)
		exporter := "lagrumarchive/" + s.Class
		exporters[exporter] = c.archive(s.Class, archive)
		// No processor that may refuse or hold anything: what is read is on the disk before it counts as read.
		add(toArchive, "logs/"+toArchive+"-"+s.Class, s, []string{"lagrumrecord"}, exporter)
		if s.Schema != nil {
			rules[s.Name] = s.Schema.rule()
		}
		if c.Search != "" {
			store(toSearch)
			add(toSearch, "logs/"+toSearch, s, []string{"memory_limiter", "lagrumrecord"}, "otlphttp/"+toSearch)
		}
	}
	processors["lagrumrecord"] = object{"sources": rules}
	if c.Search != "" {
		processors["memory_limiter"] = object{"check_interval": "1s", "limit_mib": 200}
		exporters["otlphttp/"+toSearch] = object{
			"logs_endpoint":    c.Search,
			"retry_on_failure": object{"max_elapsed_time": "0s"},
			// A full queue refuses, and its receivers ask again: one that blocks could keep the collector from starting.
			"sending_queue": object{"storage": offsets(toSearch), "queue_size": 1000},
		}
	}
	if len(pipelines) == 0 {
		return nil, fmt.Errorf("collector of %s: no log class has an archive", c.Cluster)
	}
	text, err := yaml.Marshal(object{
		"receivers": receivers, "processors": processors, "exporters": exporters, "extensions": extensions,
		"service": object{
			"extensions": slices.Sorted(maps.Keys(extensions)), "pipelines": pipelines,
			"telemetry": object{
				"logs": object{"encoding": "json"},
				"metrics": object{"readers": []object{{"pull": object{"exporter": object{
					"prometheus": object{"host": c.MetricsHost, "port": c.MetricsPort}}}}}},
			},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("collector of %s: %w", c.Cluster, err)
	}
	return text, nil
}

// receiver reads a source on one of the ways.
func (c Config) receiver(way string, s Source) (name string, made object) {
	made = object{
		"storage": offsets(way), "resource": object{"lagrum.source": s.Name, "k8s.cluster.name": c.Cluster, "k8s.node.name": c.Node},
		// Asked again without end: what a receiver gives up on, it counts as read.
		"retry_on_failure": object{"enabled": true, "max_elapsed_time": "0s"},
	}
	if len(s.Files) == 0 {
		made["directory"], made["matches"], made["start_at"] = c.Journal, s.Journal, "beginning"
		return "journald/" + way + "-" + s.Name, made
	}
	var files []string
	for _, file := range s.Files {
		files = append(files, path.Join(c.Logs, file))
	}
	made["include"] = files
	made["exclude"] = []string{path.Join(c.Logs, "**/*.gz"), path.Join(c.Logs, "**/*.tmp")}
	made["include_file_path"] = true
	made["start_at"] = "beginning" // of files that were made while nobody looked, too
	// An audit event may be as long as the object that it tells of, which etcd takes up to 1.5 MiB of, and its old form.
	made["max_log_size"] = "8MiB"
	// A line without an end waits for it: one that is read in halves is no record.
	made["force_flush_period"] = "5s"
	return "filelog/" + way + "-" + s.Name, made
}

func (c Config) archive(class string, a Archive) object {
	made := object{
		"class": class, "cluster": c.Cluster, "node": c.Node, "floor_days": a.FloorDays,
		"endpoint": a.Endpoint, "region": a.Region, "bucket": a.Bucket, "key_id_file": a.KeyIDFile, "key_file": a.KeyFile,
		"directory": path.Join(c.State, "archive", class),
	}
	if a.SpoolBytes > 0 {
		made["spool_bytes"] = a.SpoolBytes
	}
	return made
}

func (s Schema) rule() object {
	rule := object{"uid": s.UID}
	if s.Container {
		rule["container"] = true
	}
	if len(s.Fields) > 0 {
		rule["fields"] = s.Fields
	}
	if s.Time != "" {
		rule["time"] = s.Time
	}
	return rule
}
