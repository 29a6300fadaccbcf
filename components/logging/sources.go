package logging

// The log classes, as a plan names them.
const (
	PlatformSecurity = "platform-security"
	PatientAccess    = "patient-access"
)

// Source is one kind of log on a node, and the class that the archive keeps it in.
type Source struct {
	Name  string
	Class string
	// Why it is in that class.
	Why string
	// Files are patterns below the node's /var/log; Journal are matches of the node's journal, any of which is enough.
	Files   []string
	Journal []map[string]string
	// Schema is what each record has to be; nil where none is asked for.
	Schema *Schema
}

// Schema of records, each of which is one JSON object. A record that does not follow it is kept and flagged.
type Schema struct {
	// Container says that a container runtime put its prefix before each line.
	Container bool
	// UID are the fields that name a record uniquely, together.
	UID []string
	// Fields are texts that have to be there; Time is the one of them that is a time, as RFC 3339 has it.
	Fields []string
	Time   string
}

// PatientAccessContainer is the name of the container whose output is an application's log of access to patients' data. A
// name is on the path of the log, so that nothing has to be read to know what it is.
const PatientAccessContainer = "patient-access"

// FalcoContainer is the name of the container that tells of intrusion.
const FalcoContainer = "falco"

// Sources are all that a node's collector reads.
func Sources() []Source {
	return []Source{
		{
			Name: "audit", Class: PlatformSecurity, Why: "who asked the API server for what",
			Files: []string{"kubernetes/audit/*.log"}, Schema: &Schema{UID: []string{"auditID", "stage"}},
		},
		{
			Name: "journal", Class: PlatformSecurity, Why: "who logged in to a node, what its kernel and its kubelet did",
			Journal: []map[string]string{
				{"_TRANSPORT": "kernel"},
				{"_SYSTEMD_UNIT": "kubelet.service"},
				{"SYSLOG_FACILITY": "4"},  // auth
				{"SYSLOG_FACILITY": "10"}, // authpriv
			},
		},
		{
			Name: "falco", Class: PlatformSecurity, Why: "what looked like intrusion",
			Files: []string{"pods/*/" + FalcoContainer + "/*.log*"},
		},
		{
			Name: "patient-access", Class: PatientAccess, Why: "who did what with which patient's data, for which unit, and when",
			Files: []string{"pods/*/" + PatientAccessContainer + "/*.log*"},
			Schema: &Schema{Container: true, UID: []string{"id"}, Time: "time",
				Fields: []string{"time", "who", "unit", "patient", "action"}},
		},
	}
}
