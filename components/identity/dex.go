package identity

// These are the parts of Dex's configuration file that Lagrum sets. What it does not name, Dex does not do.

type dexConfig struct {
	Issuer           string         `json:"issuer"`
	Storage          Storage        `json:"storage"`
	Web              dexWeb         `json:"web"`
	OAuth2           dexOAuth2      `json:"oauth2"`
	Expiry           dexExpiry      `json:"expiry"`
	Logger           dexLogger      `json:"logger"`
	StaticClients    []dexClient    `json:"staticClients"`
	Connectors       []dexConnector `json:"connectors,omitempty"`
	EnablePasswordDB bool           `json:"enablePasswordDB,omitempty"`
	StaticPasswords  []dexPassword  `json:"staticPasswords,omitempty"`
}

type dexWeb struct {
	HTTPS         string `json:"https"`
	TLSCert       string `json:"tlsCert"`
	TLSKey        string `json:"tlsKey"`
	TLSMinVersion string `json:"tlsMinVersion"`
}

type dexOAuth2 struct {
	GrantTypes         []string `json:"grantTypes"`
	ResponseTypes      []string `json:"responseTypes"`
	SkipApprovalScreen bool     `json:"skipApprovalScreen"`
}

type dexExpiry struct {
	IDTokens      string     `json:"idTokens"`
	SigningKeys   string     `json:"signingKeys"`
	AuthRequests  string     `json:"authRequests"`
	RefreshTokens dexRefresh `json:"refreshTokens"`
}

type dexRefresh struct {
	ValidIfNotUsedFor string `json:"validIfNotUsedFor"`
	AbsoluteLifetime  string `json:"absoluteLifetime"`
	ReuseInterval     string `json:"reuseInterval"`
}

type dexLogger struct {
	Level  string `json:"level"`
	Format string `json:"format"`
}

type dexClient struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Public       bool     `json:"public"`
	RedirectURIs []string `json:"redirectURIs"`
}

type dexConnector struct {
	Type   string `json:"type"`
	ID     string `json:"id"`
	Name   string `json:"name"`
	Config any    `json:"config"` // dexOIDC or dexLDAP
}

type dexOIDC struct {
	Issuer               string            `json:"issuer"`
	ClientID             string            `json:"clientID"`
	ClientSecret         string            `json:"clientSecret"`
	RedirectURI          string            `json:"redirectURI"`
	Scopes               []string          `json:"scopes"`
	RootCAs              []string          `json:"rootCAs,omitempty"`
	InsecureEnableGroups bool              `json:"insecureEnableGroups"`
	ClaimMapping         map[string]string `json:"claimMapping,omitempty"`
	// OverrideClaimMapping has ClaimMapping win over a claim that has the usual name.
	OverrideClaimMapping bool `json:"overrideClaimMapping,omitempty"`
}

type dexLDAP struct {
	Host        string         `json:"host"`
	RootCA      string         `json:"rootCA,omitempty"`
	BindDN      string         `json:"bindDN"`
	BindPW      string         `json:"bindPW"`
	UserSearch  dexUserSearch  `json:"userSearch"`
	GroupSearch dexGroupSearch `json:"groupSearch"`
}

type dexUserSearch struct {
	BaseDN    string `json:"baseDN"`
	Filter    string `json:"filter"`
	Username  string `json:"username"`
	IDAttr    string `json:"idAttr"`
	EmailAttr string `json:"emailAttr"`
}

type dexGroupSearch struct {
	BaseDN       string           `json:"baseDN"`
	Filter       string           `json:"filter"`
	UserMatchers []dexUserMatcher `json:"userMatchers"`
	NameAttr     string           `json:"nameAttr"`
}

type dexUserMatcher struct {
	UserAttr  string `json:"userAttr"`
	GroupAttr string `json:"groupAttr"`
}

type dexPassword struct {
	Email    string `json:"email"`
	Username string `json:"username"`
	UserID   string `json:"userID"`
	Hash     string `json:"hash"`
}
