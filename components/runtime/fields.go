package runtime

// Field is one that rules may use. Falco refuses a rules file with a field that it does not know, and then watches nothing.
type Field struct {
	// Source is what gives it: libs, the engine itself, or the plugin container.
	Source string
	// Content says that it can hold what somebody wrote: words of a command line can be a password or a patient's number. A
	// condition may look at it. No line may tell it, since lines are kept where nobody can take them out again.
	Content bool
}

const (
	containerPlugin = "container"
	libs            = "libs"
)

// fields are those that the rules use, after https://falco.org/docs/reference/rules/supported-fields/ (libs) and the table in
// the README of falcosecurity/plugins, plugins/container.
var fields = map[string]Field{
	"container.host_network":     {Source: containerPlugin},
	"container.id":               {Source: containerPlugin}, // "host" for what runs in no container
	"container.image.repository": {Source: containerPlugin},
	"k8s.ns.name":                {Source: containerPlugin},
	"k8s.pod.name":               {Source: containerPlugin},

	"evt.arg.request":         {Source: libs}, // of ptrace
	"evt.buffer":              {Source: libs, Content: true},
	"evt.is_open_read":        {Source: libs},
	"evt.is_open_write":       {Source: libs},
	"evt.type":                {Source: libs},
	"fd.connected":            {Source: libs},
	"fd.l4proto":              {Source: libs},
	"fd.name":                 {Source: libs}, // a path, or both ends of a connection
	"fd.name_changed":         {Source: libs},
	"fd.num":                  {Source: libs},
	"fd.snet":                 {Source: libs}, // for conditions alone
	"fd.typechar":             {Source: libs},
	"fs.path.target":          {Source: libs},
	"proc.cmdline":            {Source: libs, Content: true},
	"proc.env":                {Source: libs, Content: true},
	"proc.exepath":            {Source: libs},
	"proc.is_exe_from_memfd":  {Source: libs},
	"proc.is_exe_upper_layer": {Source: libs},
	"proc.name":               {Source: libs},
	"proc.pname":              {Source: libs},
	"proc.tty":                {Source: libs},
	"proc.vpid":               {Source: libs}, // in its own namespace: 1 is what a container was started with
	"user.loginuid":           {Source: libs},
	"user.uid":                {Source: libs},
}
