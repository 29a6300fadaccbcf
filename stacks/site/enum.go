package site

import "strings"

// The closed lists of words. Each is a string so that its values can be constants; reading one from text goes
// through its list.
type (
	// Environment is what a stack is for.
	Environment string
	// OperatorKind is the legal form of the operator.
	OperatorKind string
	// Role is what the nodes of a pool do.
	Role string
	// ConnectorType is the protocol of a source of identities.
	ConnectorType string
	// LogClass is a class of log that the law treats in its own way.
	LogClass string
)

// The environments. DR is the recovery of another stack in another place.
const (
	Dev  Environment = "dev"
	Test Environment = "test"
	Prod Environment = "prod"
	DR   Environment = "dr"
)

// The kinds of operator.
const (
	RegionOperator       OperatorKind = "region"
	MunicipalityOperator OperatorKind = "municipality"
	CompanyOperator      OperatorKind = "company"
	StateOperator        OperatorKind = "state"
)

// The roles.
const (
	ControlPlane Role = "control-plane"
	Worker       Role = "worker"
)

// The types of connector. Static users are written into the program's own configuration: for the lab only.
const (
	OIDC   ConnectorType = "oidc"
	LDAP   ConnectorType = "ldap"
	SAML   ConnectorType = "saml"
	GitHub ConnectorType = "github"
	Static ConnectorType = "static"
)

// The classes of log: who read whose record, and everything that the platform says of itself.
const (
	PatientAccess    LogClass = "patient-access"
	PlatformSecurity LogClass = "platform-security"
)

// Serious tells whether real patients depend on the stack.
func (e Environment) Serious() bool { return e == Prod || e == DR }

// UnmarshalText accepts the words above. The error is a *Malformed.
func (e *Environment) UnmarshalText(text []byte) error {
	return oneOf(e, text, "an environment", Dev, Test, Prod, DR)
}

// UnmarshalText accepts the words above. The error is a *Malformed.
func (k *OperatorKind) UnmarshalText(text []byte) error {
	return oneOf(k, text, "a kind of operator", RegionOperator, MunicipalityOperator, CompanyOperator, StateOperator)
}

// UnmarshalText accepts the words above. The error is a *Malformed.
func (r *Role) UnmarshalText(text []byte) error {
	return oneOf(r, text, "a role", ControlPlane, Worker)
}

// UnmarshalText accepts the words above. The error is a *Malformed.
func (t *ConnectorType) UnmarshalText(text []byte) error {
	return oneOf(t, text, "a type of connector", OIDC, LDAP, SAML, GitHub, Static)
}

// UnmarshalText accepts the words above. The error is a *Malformed.
func (c *LogClass) UnmarshalText(text []byte) error {
	return oneOf(c, text, "a class of log", PatientAccess, PlatformSecurity)
}

func oneOf[T ~string](target *T, text []byte, what string, words ...T) error {
	names := make([]string, len(words))
	for i, w := range words {
		if string(text) == string(w) {
			*target = w
			return nil
		}
		names[i] = string(w)
	}
	return &Malformed{Value: shown(string(text)), Reason: "is not " + what, Remedy: "use one of: " + strings.Join(names, ", ")}
}
