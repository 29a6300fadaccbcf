package runtime

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

// config is the part of falco.yaml that Lagrum sets, by upstream's own names:
// https://github.com/falcosecurity/falco/blob/0.45.0/falco.yaml. What is not here has upstream's default; every way out but
// standard output is off in words, since a default may change.
type config struct {
	Engine engine `json:"engine"`

	RulesFiles       []string `json:"rules_files"`
	RuleMatching     string   `json:"rule_matching"`
	Priority         string   `json:"priority"`
	WatchConfigFiles bool     `json:"watch_config_files"`
	Plugins          []plugin `json:"plugins"`
	LoadPlugins      []string `json:"load_plugins"`

	JSONOutput                bool     `json:"json_output"`
	JSONIncludeOutputProperty bool     `json:"json_include_output_property"`
	JSONIncludeTagsProperty   bool     `json:"json_include_tags_property"`
	TimeFormatISO8601         bool     `json:"time_format_iso_8601"`
	BufferedOutputs           bool     `json:"buffered_outputs"`
	StdoutOutput              switched `json:"stdout_output"`
	SyslogOutput              switched `json:"syslog_output"`
	FileOutput                switched `json:"file_output"`
	HTTPOutput                switched `json:"http_output"`
	ProgramOutput             switched `json:"program_output"`

	LogStderr bool   `json:"log_stderr"`
	LogSyslog bool   `json:"log_syslog"`
	LogLevel  string `json:"log_level"`

	Webserver         webserver `json:"webserver"`
	SyscallEventDrops drops     `json:"syscall_event_drops"`
	Metrics           metrics   `json:"metrics"`
}

type switched struct {
	Enabled bool `json:"enabled"`
}

type engine struct {
	Kind       string     `json:"kind"`
	ModernEBPF modernEBPF `json:"modern_ebpf"`
}

type modernEBPF struct {
	CPUsForEachBuffer int  `json:"cpus_for_each_buffer"`
	BufSizePreset     int  `json:"buf_size_preset"` // 4 is 8 MiB
	DropFailedExit    bool `json:"drop_failed_exit"`
}

type plugin struct {
	Name        string       `json:"name"`
	LibraryPath string       `json:"library_path"`
	InitConfig  pluginConfig `json:"init_config"`
}

type pluginConfig struct {
	Engines map[string]socketEngine `json:"engines"`
}

type socketEngine struct {
	Enabled bool     `json:"enabled"`
	Sockets []string `json:"sockets,omitempty"`
}

type webserver struct {
	Enabled                  bool   `json:"enabled"`
	ListenPort               int    `json:"listen_port"`
	HealthzEndpoint          string `json:"k8s_healthz_endpoint"`
	SSLEnabled               bool   `json:"ssl_enabled"`
	PrometheusMetricsEnabled bool   `json:"prometheus_metrics_enabled"`
}

type drops struct {
	Threshold float64  `json:"threshold"`
	Actions   []string `json:"actions"`
	Rate      float64  `json:"rate"` // lines in a second
	MaxBurst  int      `json:"max_burst"`
}

type metrics struct {
	Enabled                    bool   `json:"enabled"`
	Interval                   string `json:"interval"`
	OutputRule                 bool   `json:"output_rule"`
	RulesCountersEnabled       bool   `json:"rules_counters_enabled"`
	ResourceUtilizationEnabled bool   `json:"resource_utilization_enabled"`
	KernelEventCountersEnabled bool   `json:"kernel_event_counters_enabled"`
}

const (
	port = 8765
	// folder holds our files and nothing else. The image's own folder of the name has a file that loads the plugin a second
	// time, at which Falco ends: https://github.com/falcosecurity/charts mounts something over it too.
	folder     = "/etc/falco"
	configFile = "falco.yaml"
	rulesFile  = "lagrum_rules.yaml"
	socket     = "/run/containerd/containerd.sock"
)

// newConfig has Falco tell whatever a rule of ours sees, as one line of JSON on standard output.
func newConfig() config {
	off := socketEngine{}
	return config{
		// drop_failed_exit would hide what was tried in vain.
		Engine:     engine{Kind: "modern_ebpf", ModernEBPF: modernEBPF{CPUsForEachBuffer: 2, BufSizePreset: 4}},
		RulesFiles: []string{folder + "/" + rulesFile},
		// By default the first rule that fits an event hides the others.
		RuleMatching: "all",
		Priority:     "debug", // every rule
		// A change makes new pods. A file that changes under a running one is no change of ours.
		WatchConfigFiles: false,
		Plugins: []plugin{{Name: containerPlugin, LibraryPath: "libcontainer.so", InitConfig: pluginConfig{Engines: map[string]socketEngine{
			"bpm": off, "cri": off, "docker": off, "libvirt_lxc": off, "lxc": off, "podman": off,
			"containerd": {Enabled: true, Sockets: []string{socket}},
		}}}},
		LoadPlugins: []string{containerPlugin},
		JSONOutput:  true, JSONIncludeOutputProperty: true, JSONIncludeTagsProperty: true, TimeFormatISO8601: true,
		// A line is out before the next event is looked at.
		BufferedOutputs: false,
		StdoutOutput:    switched{true},
		LogStderr:       true, LogLevel: "info",
		// The collector reads what it counts in its lines; nobody scrapes it.
		Webserver: webserver{Enabled: true, ListenPort: port, HealthzEndpoint: "/healthz"},
		// Every lost event is worth a line, one in thirty seconds.
		SyscallEventDrops: drops{Threshold: 0, Actions: []string{"log", "alert"}, Rate: 0.03333, MaxBurst: 1},
		// How much was seen and lost since the last line. The heartbeat says that rules work, and this that nothing is missing.
		Metrics: metrics{Enabled: true, Interval: "5m", OutputRule: true, RulesCountersEnabled: true, ResourceUtilizationEnabled: true,
			KernelEventCountersEnabled: true},
	}
}

// Config renders falco.yaml.
func Config() (string, error) {
	text, err := yaml.Marshal(newConfig())
	if err != nil {
		return "", fmt.Errorf("configuration of Falco: %w", err)
	}
	return string(text), nil
}
