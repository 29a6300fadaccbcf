package site_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/site"
)

// Every row changes the production example and expects exactly these problems, in their full text.
func TestProblems(t *testing.T) {
	t.Parallel()
	prod := yamlOf(t, site.ExampleProd())
	type row struct {
		name    string
		changes []string // pairs of old and new text
		want    []string
	}
	one := func(name, old, new, want string) row { return row{name, []string{old, new}, []string{want}} }
	for _, tt := range []row{
		// Shape.
		one("unknown key", "country: se\n", "country: se\nbananas: 1\n",
			"bananas: is not a known key; remove it; known here: country, environment, operator, dataCentre, cloud, cluster, nodePools, "+
				"guestEncryption, gateway, identity, access, tenants, retention, objectStore, backup, recovery, registry, listedSystem, waivers"),
		one("misspelt key", "  podCIDR: 10.244", "  podCDIR: 10.244", "cluster.podCDIR: is not a known key; did you mean podCIDR?"),
		one("key in the wrong case", "dataCentre:", "datacentre:", "datacentre: is not a known key; did you mean dataCentre?"),
		{"misspelt key with a wrong value", []string{"    count: 3\n", "    cuont: many\n"}, []string{
			"nodePools[0].cuont: is not a known key; did you mean count?",
			`nodePools[0].count: "many" is text, not a whole number; write a whole number`,
		}},
		one("misspelt key beside the right one", "  podCIDR: 10.244.0.0/16\n", "  podCIDR: 10.244.0.0/16\n  podCIDRS: 10.1.0.0/16\n",
			"cluster.podCIDRS: is not a known key; did you mean podCIDR?"),
		one("repeated key", "country: se\n", "country: se\ncountry: dk\n", "country: is given twice; keep one"),
		one("missing value", "country: se\nenv", "env", "country: is missing; add it, e.g. country: se"),
		one("missing section", strings.SplitAfter(prod, "registry:")[0][strings.Index(prod, "retention:"):strings.Index(prod, "backup:")], "",
			"retention: is missing; add the section, see docs/site.md"),
		one("missing value in a list", "    size: b8.xlarge\n", "", "nodePools[1].size: is missing; add it, e.g. size: m5.large"),
		one("missing number", "    count: 6\n", "", "nodePools[1].count: is missing; add it, e.g. count: 3"),
		one("empty value", "country: se\n", "country:\n", "country: has no value; write text, or take the key out"),
		one("list for a mapping", "cloud:\n"+openstack, "cloud: [x]\n",
			"cloud: is a list, not a mapping; write a mapping"),
		one("text for a list", "    zones:\n      - a\n      - b\n      - c\n    size: b4", "    zones: a\n    size: b4",
			`nodePools[0].zones: "a" is text, not a list; write a list`),
		one("number for text", "name: Example Region", "name: 112", `operator.name: "112" is a whole number, not text; write it in quotes`),
		one("version as a number", "version: v1.36.3", "version: 1.36", `cluster.version: "1.36" is a number, not text; write it in quotes`),
		one("mapping for text", "name: Example Region", "name: {first: Example}", "operator.name: is a mapping, not text; write text"),
		one("fraction", "    count: 6\n", "    count: 1.5\n", `nodePools[1].count: "1.5" is a number, not a whole number; write a whole number`),
		one("number in quotes", "    count: 6\n", "    count: \"6\"\n", `nodePools[1].count: "6" is text, not a whole number; write a whole number`),
		one("number too large", "    count: 6\n", "    count: 9999999999999999999\n",
			`nodePools[1].count: "9999999999999999999" is out of range; write a smaller number`),
		one("days in quotes", "floorDays: 1827", `floorDays: "1827"`,
			`retention.logs[0].floorDays: "1827" is text, not a whole number; write a whole number`),
		one("word for true or false", "mfa: true", "mfa: yes", `identity.connectors[0].mfa: "yes" is text, not true or false; write true or false`),
		one("anchor", "name: Example Region", "name: &who Example Region", "operator.name: uses an anchor or an alias; write the value out"),
		one("own tag", "name: Example Region", "name: !who Example Region",
			`operator.name: "Example Region" has a tag of its own; write text without a tag`),
		one("merge key", "country: se\n", "country: se\n<<: {bananas: 1}\n",
			`["<<"]: is not a known key; remove it; known here: country, environment, operator, dataCentre, cloud, cluster, nodePools, `+
				"guestEncryption, gateway, identity, access, tenants, retention, objectStore, backup, recovery, registry, listedSystem, waivers"),
		one("key that is no text", "country: se\n", "country: se\n? [a]\n: b\n", "lagrum:site: has a key that is not text; write each key as a plain word"),
		one("second document", "country: se\n", "country: se\n---\na: b\n", "lagrum:site: has text after its first document; keep one document"),

		// Secrets.
		one("secret", "    project: care-prod\n", "    project: care-prod\n    password: hunter2\n",
			"cloud.openstack.password: looks like a secret, and a site holds none; take it out and run: pulumi config set --secret lagrum:password"),
		one("secret by another name", "      type: oidc\n", "      type: oidc\n      client-secret: hunter2\n",
			"identity.connectors[0].client-secret: looks like a secret, and a site holds none; "+
				"take it out and run: pulumi config set --secret lagrum:client-secret"),
		one("credential in an address", "url: https://idp", "url: https://root:hunter2@idp",
			`identity.connectors[0].url: "[secret]" holds a credential; take it out; secrets go to: pulumi config set --secret`),

		// Values.
		one("no country", "country: se\nenv", "country: xx\nenv",
			`country: "xx" is not a country; write its two letters of ISO 3166-1 in lower case, e.g. se`),
		one("country in upper case", "country: se\nenv", "country: SE\nenv", `country: "SE" is in upper case; write se`),
		one("environment", "environment: prod", "environment: production",
			`environment: "production" is not an environment; use one of: dev, test, prod, dr`),
		one("kind of operator", "kind: region", "kind: county",
			`operator.kind: "county" is not a kind of operator; use one of: region, municipality, company, state`),
		one("blank text", "name: Example Region", `name: " "`, `operator.name: " " is blank; write some text`),
		one("text of two lines", "name: Example Region", `name: "a\nb"`,
			`operator.name: "a\nb" has characters that do not print; write one line of plain text`),
		one("long text", "name: Example Region", "name: "+strings.Repeat("å", 201),
			`operator.name: "`+strings.Repeat("å", 60)+`..." is too long; use at most 200 characters`),
		one("email", "email: security@example.org", "email: Security <security@example.org>",
			`operator.contacts.security.email: "Security <security@example.org>" is not an e-mail address; `+
				"write one address without a name, e.g. security@example.org"),
		one("phone", `phone: "+46101234567"`, `phone: 010-123 45 67`,
			`operator.contacts.onCall.phone: "010-123 45 67" is not a telephone number; `+
				"write plus, country code and number without spaces, e.g. +46101234567"),
		one("date", `validUntil: "2027-06-30"`, `validUntil: 2027-02-30`,
			`dataCentre.certificate.validUntil: "2027-02-30" is not a date; write year, month and day in quotes, e.g. "2027-06-30"`),
		one("date as Pulumi hands it over without quotes", `until: "2026-12-31"`, `until: "2026-12-31 00:00:00 +0000 UTC"`,
			`waivers[0].until: "2026-12-31 00:00:00 +0000 UTC" is a point in time; write the day in quotes: "2026-12-31"`),
		one("address without encryption", "authURL: https://", "authURL: http://",
			`cloud.openstack.authURL: "http://identity.example.org:5000/v3" is not encrypted; use https:// (a directory: ldaps://)`),
		one("address without scheme", "authURL: https://identity.example.org:5000/v3", "authURL: identity.example.org",
			`cloud.openstack.authURL: "identity.example.org" is not an address; write scheme, host and path, e.g. https://idp.example.org`),
		one("address with a query", ":5000/v3", ":5000/v3?a=b",
			`cloud.openstack.authURL: "https://identity.example.org:5000/v3?a=b" has a query or a fragment; end the address with its path`),
		one("region", "    region: sto-1\n", "    region: Sto 1\n",
			`cloud.openstack.region: "Sto 1" is not a region; use the cloud's name of it, e.g. eu-north-1`),
		one("zone", "      - a\n", "      - zone a\n",
			`nodePools[0].zones[0]: "zone a" is not a zone; use the cloud's name of it, e.g. a or nova`),
		one("version", "version: v1.36.3", "version: v1.35.0",
			`cluster.version: "v1.35.0" is not a supported version of Kubernetes; use one of: v1.36.3`),
		one("domain", "domain: cluster.local", "domain: Cluster.local",
			`cluster.domain: "Cluster.local" is not a domain; write lower-case DNS labels joined by dots, e.g. cluster.local`),
		one("network", "podCIDR: 10.244.0.0/16", "podCIDR: 10.244.0.0",
			`cluster.podCIDR: "10.244.0.0" is not a network; write an address and a prefix length, e.g. 10.96.0.0/16`),
		one("host bits", "podCIDR: 10.244.0.0/16", "podCIDR: 10.244.0.7/16",
			`cluster.podCIDR: "10.244.0.7/16" is an address inside a network; write the network: 10.244.0.0/16`),
		one("duration", "interval: 12h", "interval: twice a day",
			`backup.interval: "twice a day" is not a duration; write a whole number of s, m, h or d, at most 99999, e.g. 24h`),
		one("days", "floorDays: 366", "floorDays: 0",
			`retention.logs[1].floorDays: "0" is not a number of days; write a whole number from 1 to 36525`),
		one("role", "role: worker", "role: node", `nodePools[1].role: "node" is not a role; use one of: control-plane, worker`),
		one("connector", "type: oidc", "type: kerberos",
			`identity.connectors[0].type: "kerberos" is not a type of connector; use one of: oidc, ldap, saml, github, static`),
		one("log class", "class: platform-security", "class: debug",
			`retention.logs[1].class: "debug" is not a class of log; use one of: patient-access, platform-security`),
		one("registry", "registry: registry.example.org/mirror", "registry: https://registry.example.org",
			`registry: "https://registry.example.org" is not a registry; write host, port and path without scheme, e.g. registry.example.org/mirror`),
		one("requirement", "requirement: SE-PDL-3-17", "requirement: pdl",
			`waivers[0].requirement: "pdl" is not the id of a requirement; use an id of the catalogue, e.g. SE-PDL-3-17`),
		one("AWS account", openstack, "  aws:\n    region: eu-north-1\n    account: \"1234\"\n    image: ami-1\n",
			`cloud.aws.account: "1234" is not an AWS account; write its twelve digits in quotes, e.g. "123456789012"`),

		// Values that do not fit together.
		one("no cloud", openstack, "  {}\n", "cloud: names 0 clouds; keep exactly one of: openstack, aws, lab"),
		one("two clouds", "cloud:\n", "cloud:\n  lab: {}\n", "cloud: names 2 clouds; keep exactly one of: openstack, aws, lab"),
		one("nobody to call", "    onCall:\n      email: oncall@example.org\n      phone: \"+46101234567\"\n", "",
			"operator.contacts.onCall: is missing; name who answers for a prod stack"),
		one("no security contact", "    security:\n      email: security@example.org\n", "",
			"operator.contacts.security: is missing; name who answers for a prod stack"),
		one("long cluster name", "name: se-prod", "name: se-prod-with-a-rather-long-name",
			`cluster.name: "se-prod-with-a-rather-long-name" has 31 characters; use at most 24, so that every cloud can take the names made from it`),
		one("cluster name", "name: se-prod", "name: 1st",
			`cluster.name: "1st" is not a DNS label; use lower-case letters, digits and hyphens, beginning with a letter, at most 63`),
		one("join lifetime too short", "joinLifetime: 2h", "joinLifetime: 9m", `cluster.joinLifetime: "9m" is out of range; use 10m to 24h`),
		one("join lifetime too long", "joinLifetime: 2h", "joinLifetime: 2d", `cluster.joinLifetime: "2d" is out of range; use 10m to 24h`),
		one("API open to the world", "192.0.2.0/24", "0.0.0.0/0",
			`cluster.apiSources[0]: "0.0.0.0/0" is the whole Internet; list the networks that administrators and pipelines come from`),
		one("a gateway for nobody", "  sources:\n    - 0.0.0.0/0\n", "  sources: []\n",
			"gateway.sources: is empty, so nobody reaches the gateway; list the networks that people come from, or take gateway out"),
		one("a gateway without sources", "  public: true\n  sources:\n    - 0.0.0.0/0\n", "  public: true\n", "gateway.sources: is missing; add it, e.g. sources: [192.0.2.0/24]"),
		one("a gateway that is not public is not for everybody", "  public: true\n  sources", "  sources",
			`gateway.sources[0]: "0.0.0.0/0" is the whole Internet, and the gateway is not public; list the networks that people come from, or say public: true`),
		one("half the Internet", "    - 0.0.0.0/0\n", "    - 128.0.0.0/1\n",
			`gateway.sources[0]: "128.0.0.0/1" is a large part of the Internet; list networks of /8 or smaller, or 0.0.0.0/0 for everybody`),
		one("a source that the gateway has no address for", "    - 0.0.0.0/0\n", "    - ::/0\n",
			`gateway.sources[0]: "::/0" is not IPv4, and the gateway has no other address; list IPv4 networks; dual stack is not built`),
		one("a source of the gateway twice", "    - 0.0.0.0/0\n", "    - 198.51.100.0/24\n    - 198.51.100.0/24\n",
			`gateway.sources[1]: "198.51.100.0/24" is listed twice; keep one`),
		one("a public gateway and no name to take its address from", "    externalNetworkName: external\n", "",
			"cloud.openstack.externalNetworkName: is missing, and a public gateway takes its address from that network; "+
				"write the name of the network whose id is externalNetwork"),
		one("source twice", "2001:db8::/48", "192.0.2.0/24", `cluster.apiSources[1]: "192.0.2.0/24" is listed twice; keep one`),
		one("initialised by a stranger", "initialisedBy: cp-1-g1", "initialisedBy: cp-4-g1",
			`cluster.initialisedBy: "cp-4-g1" is no node that the control-plane pool has or had; name one, e.g. cp-1-g1`),
		one("initialised by a node of the future", "initialisedBy: cp-1-g1", "initialisedBy: cp-1-g4",
			`cluster.initialisedBy: "cp-1-g4" is no node that the control-plane pool has or had; name one, e.g. cp-1-g1`),
		one("service network too large", "serviceCIDR: 10.96.0.0/16", "serviceCIDR: 100.64.0.0/11",
			`cluster.serviceCIDR: "100.64.0.0/11" has a prefix length that does not work; use /12 to /24`),
		one("pod network too small for a node", "podCIDR: 10.244.0.0/16", "podCIDR: 10.244.0.0/25",
			`cluster.podCIDR: "10.244.0.0/25" has a prefix length that does not work; use /8 to /24`),
		one("pod network too small", "podCIDR: 10.244.0.0/16", "podCIDR: 10.244.0.0/21",
			`cluster.podCIDR: "10.244.0.0/21" has a /24 for 8 nodes, and 15 may exist during a replacement; use a larger network`),
		one("node network too small", "nodeCIDR: 172.31.0.0/20", "nodeCIDR: 172.31.0.0/28",
			`cluster.nodeCIDR: "172.31.0.0/28" has room for 8 nodes, and 15 may exist during a replacement; use a larger network`),
		one("IPv6 nodes", "nodeCIDR: 172.31.0.0/20", "nodeCIDR: fd00::/64",
			`cluster.nodeCIDR: "fd00::/64" is not IPv4; use an IPv4 network; dual stack is not built`),
		one("metadata addresses", "nodeCIDR: 172.31.0.0/20", "nodeCIDR: 169.254.0.0/16",
			`cluster.nodeCIDR: "169.254.0.0/16" holds link-local addresses, where clouds serve metadata; use a private network (RFC 1918)`),
		one("overlapping networks", "podCIDR: 10.244.0.0/16", "podCIDR: 10.0.0.0/9",
			`cluster.podCIDR: "10.0.0.0/9" overlaps cluster.serviceCIDR 10.96.0.0/16; keep the networks apart`),
		one("nodes among pods", "nodeCIDR: 172.31.0.0/20", "nodeCIDR: 10.244.0.0/20",
			`cluster.nodeCIDR: "10.244.0.0/20" overlaps cluster.podCIDR 10.244.0.0/16; keep the networks apart`),
		one("no control plane", prod[strings.Index(prod, "  - name: cp\n"):strings.Index(prod, "  - name: workers\n")], "",
			"nodePools: has 0 control-plane pools; declare exactly one pool with role control-plane"),
		{"two control planes", []string{"role: worker\n    count: 6", "role: control-plane\n    count: 3", "generation: 2", "generation: 1"}, []string{
			"nodePools: has 2 control-plane pools; declare exactly one pool with role control-plane",
			noWorkers,
		}},
		{"control plane of two", []string{"    count: 3\n", "    count: 2\n", "    replacements:\n      - 1\n      - 3\n      - 1\n", ""}, []string{
			`nodePools[0].count: "2" is no size for a control plane; use 1, or 3 to outlive the loss of a machine`,
		}},
		one("control plane of five", "    count: 3\n", "    count: 5\n",
			`nodePools[0].count: "5" is no size for a control plane; use 1, or 3 to outlive the loss of a machine`),
		{"too many workers", []string{"    count: 6\n", "    count: 1001\n", "podCIDR: 10.244.0.0/16", "podCIDR: 10.128.0.0/9"}, []string{
			`nodePools[1].count: "1001" is out of range; use 0 to 1000`,
		}},
		one("fewer than no workers", "    count: 6\n", "    count: -1\n", `nodePools[1].count: "-1" is out of range; use 0 to 1000`),
		one("pool name twice", "  - name: workers\n", "  - name: cp\n", `nodePools[1].name: "cp" is another pool's name; choose a name of its own`),
		one("long pool name", "  - name: workers\n", "  - name: workers-for-the-clinical-network\n",
			`nodePools[1].name: "workers-for-the-clinical-network" has 32 characters; use at most 20, so that every cloud can take the names made from it`),
		one("no zone", "    zones:\n      - a\n      - b\n      - c\n", "    zones: []\n", "nodePools[0].zones: is empty; name at least one zone"),
		one("zone twice", "      - b\n", "      - a\n", `nodePools[0].zones[1]: "a" is listed twice; keep one; nodes take the zones in turn`),
		{"no root disk", []string{"      - name: root\n", "      - name: boot\n"}, []string{
			`nodePools[0].disks[0].name: "boot" is for nothing that a node has; use root or data`,
			"nodePools[0].disks: has no root disk; add {name: root, gib: 40}",
		}},
		one("small root disk", "gib: 40", "gib: 19", `nodePools[0].disks[0].gib: "19" is no size for this disk; use 20 to 16384`),
		one("large data disk", "gib: 200", "gib: 16385", `nodePools[1].disks[1].gib: "16385" is no size for this disk; use 1 to 16384`),
		one("disk twice", "      - name: data\n", "      - name: root\n", `nodePools[1].disks[1].name: "root" is another disk's name; choose a name of its own`),
		one("label of Kubernetes", "example.org/network:", "node-role.kubernetes.io/db:",
			`nodePools[1].labels["node-role.kubernetes.io/db"]: belongs to Kubernetes, which forbids a node to set it; use a domain of your own`),
		one("label key", "example.org/network:", "example.org/:",
			`nodePools[1].labels["example.org/"]: is not a label key; write a name, with a domain before a slash, e.g. example.org/zone`),
		one("label value", "network: clinical", "network: clinical net",
			`nodePools[1].labels["example.org/network"]: "clinical net" is not a label value; use at most 63 letters, digits, dots, hyphens and underscores`),
		one("generation 0", "generation: 2", "generation: 0", `nodePools[1].generation: "0" is not a generation; count from 1`),
		one("generation 1000", "generation: 2", "generation: 1000", `nodePools[1].generation: "1000" is out of range; use 1 to 999, one more each time`),
		one("control planes replaced at once", "generation: 1", "generation: 2",
			`nodePools[0].generation: "2" would replace all control planes at once; keep 1, and append the slots to replace to replacements`),
		one("slot that does not exist", "      - 3\n", "      - 4\n", `nodePools[0].replacements[1]: "4" is not a slot of the pool; use 1 to 3, the pool's count`),
		one("workers replaced by slot", "    generation: 2\n", "    generation: 2\n    replacements: [1]\n",
			"nodePools[1].replacements: belongs to a control plane; take it out; generation replaces a worker pool"),
		one("nobody to log in with", prod[strings.Index(prod, "identity:"):strings.Index(prod, "retention:")], "",
			"identity.connectors: is empty; name who vouches for the people that use a prod stack"),
		one("connector twice", "    - name: directory\n", "    - name: region-idp\n",
			`identity.connectors[1].name: "region-idp" is another connector's name; choose a name of its own`),
		{"static users outside the lab", []string{"      type: oidc\n      url: https://idp.example.org\n", "      type: static\n"}, []string{
			`identity.connectors[0].type: "static" is for the lab only; connect the organisation's own identity provider`,
			`identity.connectors[0].clientID: "lagrum-se-prod" has no meaning for static; take it out`,
		}},
		one("issuer missing", "      url: https://idp.example.org\n", "", "identity.connectors[0].url: is missing; add the address of the oidc service"),
		one("directory without LDAP", "type: oidc\n      url: https://idp.example.org", "type: oidc\n      url: ldaps://idp.example.org",
			`identity.connectors[0].url: "ldaps://idp.example.org" is a directory; use https://, or type ldap`),
		one("LDAP without a directory", "ldaps://directory", "https://directory",
			`identity.connectors[1].url: "https://directory.example.org" is not a directory; use ldaps://`),
		{"login with everything wrong", []string{
			"    - name: region-idp\n", "    - name: local\n", "issuer: https://login.example.org/dex", "issuer: ldaps://login.example.org",
			"lasts: 10m", "lasts: 2h", "idle: 1h", "idle: 1m", "limit: 12h", "limit: 8d",
			"audience: se-prod\n        subjects:\n          - project:care/journal:ref:main\n", "audience: kubernetes\n        subjects: []\n",
			"access:\n", `      - {name: ci, issuer: "https://ci.example.org", audience: se-prod, subjects: [main]}
access:
`,
		}, []string{
			`identity.connectors[0].name: "local" is what Dex calls static users; choose another name`,
			`identity.login.lasts: "2h" is out of range; use 1m to 1h`,
			`identity.login.idle: "1m" is out of range; use 5m to 24h`,
			`identity.login.limit: "8d" is out of range; use idle to 7d`,
			`identity.login.issuer: "ldaps://login.example.org" is no issuer of tokens; use https://`,
			`identity.login.pipelines[0].audience: "kubernetes" is what people's tokens are for; name the cluster, and have the pipeline ask for that`,
			`identity.login.pipelines[0].subjects: is empty; list the subjects that may use the cluster`,
			`identity.login.pipelines[1].name: "ci" is another pipeline's name; choose a name of its own`,
			`identity.login.pipelines[1].issuer: "https://ci.example.org" issues the tokens of others too; give each pipeline an issuer of its own; several subjects may share one`,
		}},
		one("issuer at a port of its own", "login.example.org/dex", "login.example.org:5556/dex",
			`identity.login.issuer: "https://login.example.org:5556/dex" has another port than 443, and the gateway takes no other; take the port out`),
		one("issuer without a name", "https://login.example.org/dex", "https://192.0.2.1/dex",
			`identity.login.issuer: "https://192.0.2.1/dex" has no host's name; use a name in lower case that leads to the gateway: its certificate is made for it`),
		one("issuer with a slash at its end", "login.example.org/dex", "login.example.org/",
			`identity.login.issuer: "https://login.example.org/" ends with a slash; take it out: tokens name the issuer letter by letter`),
		one("login without a gateway", gateway, "",
			`identity.login.issuer: "https://login.example.org/dex" leads nowhere: the site has no gateway; add gateway, with who may log in among its sources`),
		one("provider that knows no client", "      clientID: lagrum-se-prod\n", "",
			"identity.connectors[0].clientID: is missing; add what the provider calls Dex, where it was registered as a client"),
		one("login by SAML", "type: oidc\n      url: https://idp.example.org\n      mfa: true\n      clientID: lagrum-se-prod\n",
			"type: saml\n      url: https://idp.example.org\n      mfa: true\n",
			`identity.connectors[0].type: "saml" is not built for logins; connect the same people by oidc or ldap, or take login out`),
		one("login by GitHub", "type: oidc\n      url: https://idp.example.org\n      mfa: true\n      clientID: lagrum-se-prod\n", "type: github\n      mfa: true\n",
			`identity.connectors[0].type: "github" is not built for logins; connect the same people by oidc or ldap, or take login out`),
		one("directory that nobody is found in", directory, "", "identity.connectors[1].directory: is missing; say where the directory keeps people and groups"),
		{"what belongs to another connector", []string{"      clientID: lagrum-se-prod\n", "      clientID: lagrum-se-prod\n" + directory,
			"directory.example.org\n", "directory.example.org\n      clientID: dex\n      groupsClaim: roles\n"}, []string{
			"identity.connectors[0].directory: has no meaning for oidc; take it out",
			`identity.connectors[1].clientID: "dex" has no meaning for ldap; take it out`,
			`identity.connectors[1].groupsClaim: "roles" has no meaning for ldap; take it out`,
		}},
		{"directory with everything wrong", []string{"cn=dex,ou=services,dc=example,dc=org", "dex", "ou=people,dc=example,dc=org", "ou=people,",
			"(objectClass=inetOrgPerson)", "(objectClass=inetOrgPerson))", "person: DN", "person: d_n",
			"directory.example.org\n", "directory.example.org\n      authority: none\n"}, []string{
			`identity.connectors[1].authority: "none" is not a list of authorities' certificates; write blocks of PEM that begin with BEGIN CERTIFICATE, and nothing else`,
			`identity.connectors[1].directory.bindDN: "dex" is not the name of an entry of a directory; write it as attribute=value parts with commas between, e.g. ou=people,dc=example,dc=org`,
			`identity.connectors[1].directory.people.base: "ou=people," is not the name of an entry of a directory; write it as attribute=value parts with commas between, e.g. ou=people,dc=example,dc=org`,
			`identity.connectors[1].directory.people.filter: "(objectClass=inetOrgPerson))" is not a filter of a directory; write it in parentheses, e.g. (objectClass=person)`,
			`identity.connectors[1].directory.groups.person: "d_n" is not an attribute of a directory; write its name, e.g. uid`,
		}},
		one("ceiling before floor", "ceilingDays: 3653", "ceilingDays: 365",
			`retention.logs[0].ceilingDays: "365" is before floorDays 1827, when nobody can delete yet; use at least the floor`),
		{"log class twice, and so the other missing", []string{"class: platform-security", "class: patient-access"}, []string{
			`retention.logs[1].class: "patient-access" is listed twice; keep one`,
			"retention.logs: lacks the class platform-security; say how long its logs are kept: floorDays, ceilingDays",
		}},
		one("records", "recordYears: 10", "recordYears: 101", `retention.recordYears: "101" is out of range; use 1 to 100`),
		one("backup too seldom", "interval: 12h", "interval: 2d", `backup.interval: "2d" is longer than recovery.rpo 24h; back up at least that often`),
		one("backup too often", "interval: 12h", "interval: 5m", `backup.interval: "5m" is out of range; use 15m to 7d`),
		one("backup gone before the next", "ttl: 30d", "ttl: 23h", `backup.ttl: "23h" is out of range; use at least twice the interval, at most 3650d`),
		one("recovery of something outside dr", "recovery:\n", "recovery:\n  of: dk-prod\n",
			`recovery.of: "dk-prod" belongs to a dr stack; take it out, or set environment: dr`),
		one("recovery of nothing", "environment: prod", "environment: dr",
			"recovery.of: is missing; name the stack that this one takes the place of, e.g. se-prod"),
		{"recovery without its section", []string{
			"environment: prod", "environment: dr", "recovery:\n  rpo: 24h\n  rto: 4h\n  restoreTestInterval: 180d\n", "",
		}, []string{"recovery: is missing; a dr stack says which stack it takes the place of, e.g. recovery: {of: se-prod}"}},
		{"recovery of itself", []string{"environment: prod", "environment: dr", "recovery:\n", "recovery:\n  of: se-dr\n"}, []string{
			`recovery.of: "se-dr" is this stack itself; name the stack that this one takes the place of`,
		}},
		one("RPO", "rpo: 24h", "rpo: 31d", `recovery.rpo: "31d" is out of range; use 1m to 30d`),
		one("RTO", "rto: 4h", "rto: 30s", `recovery.rto: "30s" is out of range; use 1m to 30d`),
		one("rehearsal", "restoreTestInterval: 180d", "restoreTestInterval: 1h",
			`recovery.restoreTestInterval: "1h" is out of range; use 1d to 3650d`),
		one("waiver without a reason", "reason: The provider's recertification audit is booked for May.", "reason: later",
			`waivers[0].reason: "later" says too little; use at least 20 characters: why, and what will end it`),
		one("waiver without an owner", "    owner: Head of information security\n", "",
			"waivers[0].owner: is missing; add it, e.g. owner: Head of information security"),
		one("waiver without an end", "    until: \"2026-12-31\"\n", "", `waivers[0].until: is missing; add it, e.g. until: "2026-12-31"`),
		one("day without quotes", `until: "2026-12-31"`, "until: 2026-12-31", `waivers[0].until: "2026-12-31" is a point in time, not text; write it in quotes`),
		one("a node that the pool still has leaves", "    generation: 2\n", "    generation: 2\n    leaving: [workers-1-g2]\n",
			`nodePools[1].leaving[0]: "workers-1-g2" is a node that the pool still has; raise generation, or lower count, in the same change`),
		one("a node of the future leaves", "    generation: 2\n", "    generation: 2\n    leaving: [workers-1-g3]\n",
			`nodePools[1].leaving[0]: "workers-1-g3" is no node that this pool had; write its name: workers-1-g2`),
		one("another pool's node leaves", "    generation: 2\n", "    generation: 2\n    leaving: [cp-1-g1]\n",
			`nodePools[1].leaving[0]: "cp-1-g1" is no node that this pool had; write its name: workers-1-g2`),
		one("a node leaves twice", "    generation: 2\n", "    generation: 2\n    leaving: [workers-1-g1, workers-1-g1]\n",
			`nodePools[1].leaving[1]: "workers-1-g1" is listed twice; keep one`),
		one("waiver twice", "waivers:\n", "waivers:\n  - {requirement: SE-PDL-3-17, reason: The audit is booked for May., owner: CISO, until: \"2026-12-31\"}\n",
			`waivers[1].requirement: "SE-PDL-3-17" is waived twice; keep one`),

		// Many at once: no mistake hides another, and none is made up.
		{"five mistakes", []string{
			"country: se\n", "country: sweden\n", "version: v1.36.3", "version: v1.20.0", "    count: 3\n", "    count: 4\n",
			"gib: 200", "gibs: 200", "reason: The provider's recertification audit is booked for May.", "reason: soon",
		}, []string{
			`country: "sweden" is not a country; write its two letters of ISO 3166-1 in lower case, e.g. se`,
			`cluster.version: "v1.20.0" is not a supported version of Kubernetes; use one of: v1.36.3`,
			"nodePools[1].disks[1].gibs: is not a known key; did you mean gib?",
			`nodePools[0].count: "4" is no size for a control plane; use 1, or 3 to outlive the loss of a machine`,
			`waivers[0].reason: "soon" says too little; use at least 20 characters: why, and what will end it`,
		}},
		{"a key that nobody knows hides nothing of the whole", []string{"gib: 200", "gibs: 200", "role: worker", "role: control-plane"}, []string{
			"nodePools[1].disks[1].gibs: is not a known key; did you mean gib?",
			`nodePools[1].count: "6" is no size for a control plane; use 1, or 3 to outlive the loss of a machine`,
			`nodePools[1].generation: "2" would replace all control planes at once; keep 1, and append the slots to replace to replacements`,
			"nodePools: has 2 control-plane pools; declare exactly one pool with role control-plane",
			noWorkers,
		}},
		{"a count that cannot be read says nothing about slots", []string{"    count: 3\n", "    count: three\n"}, []string{
			`nodePools[0].count: "three" is text, not a whole number; write a whole number`,
		}},
		{"a misspelt count says nothing about slots", []string{"    count: 3\n", "    cuont: 3\n"}, []string{
			"nodePools[0].cuont: is not a known key; did you mean count?",
		}},
		{"a role that cannot be read says nothing about the site", []string{"role: control-plane", "role: master"}, []string{
			`nodePools[0].role: "master" is not a role; use one of: control-plane, worker`,
		}},
		{"a cloud that cannot be read says nothing about users", []string{
			openstack, "  lab: true\n", "      type: oidc\n      url: https://idp.example.org\n", "      type: static\n", "      clientID: lagrum-se-prod\n", "",
		}, []string{`cloud.lab: "true" is true or false, not a mapping; write a mapping`}},
		{"a tenant that would be the platform", []string{"- name: journal\n", "- name: kube-journal\n", "          - journal\n", "          - kube-journal\n", "- journal-developers\n", "- system:masters\n", "cpu: 4\n", "cpu: 0\n"}, []string{
			`tenants[0].name: "kube-journal" is a namespace of the cluster's own; choose another; kube- and lagrum at the beginning are taken`,
			`tenants[0].developers[0]: "system:masters" is a group of Kubernetes itself; list groups of the identity provider`,
			`tenants[0].cpu: "0" is out of range; use 1 to 10000`,
		}},
		{"tenants twice", []string{"\ntenants:\n", "\ntenants:\n  - name: journal\n    developers: [a, a]\n"}, []string{
			`tenants[0].developers[1]: "a" is listed twice; keep one`,
			`tenants[1].name: "journal" is another tenant's name; choose a name of its own`,
		}},
		{"a tenant without people", []string{"    developers:\n      - journal-developers\n", "    developers: []\n"}, []string{
			"tenants[0].developers: is empty, so nobody works there; list the groups that do",
		}},
		{"tasks that are not kept apart", []string{
			"  operators:\n    - platform-operators\n", "  operators: [platform-operators, journal-developers, platform-operators]\n",
			"    - auditors\n", "    - platform-security\n", "    - platform-emergency\n", "    - system:masters\n",
		}, []string{
			`access.operators[2]: "platform-operators" is listed twice; keep one`,
			`access.operators[1]: "journal-developers" is one of tenants[0].developers too; keep the tasks apart: a group of its own for each`,
			`access.auditors[0]: "platform-security" is one of access.securityOfficers too; keep the tasks apart: a group of its own for each`,
			`access.breakGlass[0]: "system:masters" is a group of Kubernetes itself; list groups of the identity provider`,
		}},
		{"people without a way in", []string{
			"  login:\n    issuer: https://login.example.org/dex\n    lasts: 10m\n    idle: 1h\n    limit: 12h\n    pipelines:\n      - name: ci\n" +
				"        issuer: https://ci.example.org\n        audience: se-prod\n        subjects:\n          - project:care/journal:ref:main\n" +
				"        tenants:\n          - journal\n", "",
		}, []string{"access: lets groups in, and nobody can log in; declare identity.login, or take access out"}},
		{"a pipeline deploys to a tenant of the site", []string{
			"        tenants:\n          - journal\n", "        tenants: [jurnal]\n",
		}, []string{`identity.login.pipelines[0].tenants[0]: "jurnal" is no tenant of the site; name one of tenants`}},
		{"a network that cannot be read is not the default", []string{
			"serviceCIDR: 10.96.0.0/16", "serviceCIDR: x", "podCIDR: 10.244.0.0/16", "podCIDR: 10.0.0.0/9",
		}, []string{`cluster.serviceCIDR: "x" is not a network; write an address and a prefix length, e.g. 10.96.0.0/16`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			loaded, warnings, err := site.Load([]byte(edit(t, prod, tt.changes...)))
			assert.Zero(t, loaded)
			assert.Empty(t, warnings)
			var problems site.Problems
			require.ErrorAs(t, err, &problems)
			assert.Equal(t, strings.Join(tt.want, "\n"), err.Error())
			assert.Len(t, problems, len(tt.want))
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// Parts of the production example, and what follows from two of its mistakes.
const (
	login     = "  login:\n    issuer: https://login.example.org/dex\n    lasts: 10m\n    idle: 1h\n    limit: 12h\n"
	directory = `      directory:
        bindDN: cn=dex,ou=services,dc=example,dc=org
        people:
          base: ou=people,dc=example,dc=org
          filter: (objectClass=inetOrgPerson)
          login: uid
          id: uid
          email: mail
        groups:
          base: ou=groups,dc=example,dc=org
          filter: (objectClass=groupOfNames)
          member: member
          person: DN
          name: cn
`
	noWorkers = `identity.login.issuer: "https://login.example.org/dex" leads nowhere: the site has no workers, and the gateway leads to nobody else; add a pool of workers`
)

func TestStaticConnectorHasNoAddress(t *testing.T) {
	t.Parallel()
	lab := edit(t, yamlOf(t, site.ExampleDev()), "      type: static\n", "      type: static\n      url: https://idp.example.org\n")
	_, _, err := site.Load([]byte(lab))
	assert.EqualError(t, err, `identity.connectors[0].url: "https://idp.example.org" has no meaning for static users; take it out`)
}

func TestProblemsOfWholeDocuments(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "lagrum:site: is empty; describe the site, see docs/site.md"},
		{"a comment", "# nothing\n", "lagrum:site: is empty; describe the site, see docs/site.md"},
		{"null", "null", "lagrum:site: has no value; write a mapping, or take the key out"},
		{"text", "hello", `lagrum:site: "hello" is text, not a mapping; write a mapping`},
		{"a list", "[]", "lagrum:site: is a list, not a mapping; write a mapping"},
		{"an open bracket", "{country: [", "lagrum:site: is neither YAML nor JSON; yaml: line 1: did not find expected node content"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := site.Load([]byte(tt.text))
			assert.EqualError(t, err, tt.want)
		})
	}
}

// A secret that was put where a site's value belongs is never printed back.
func TestProblemsMaskSecrets(t *testing.T) {
	t.Parallel()
	prod := yamlOf(t, site.ExampleProd())
	for _, secret := range []string{
		`"-----BEGIN PRIVATE KEY-----\nhunter2"`, "AKIAHUNTER2HUNTER2", "ghp_hunter2hunter2", "github_pat_hunter2", "glpat-hunter2",
		"eyJhbGciOiJodW50ZXIyIn0", "v1:hunter2:AAAA", "postgres://user:hunter2@db", "{secure: v1:hunter2}", "[hunter2]",
	} {
		_, _, err := site.Load([]byte(edit(t, prod, "environment: prod", "environment: "+secret)))
		require.ErrorContains(t, err, "environment: ")
		assert.NotContains(t, strings.ToLower(err.Error()), "hunter2")
		assert.NotContains(t, err.Error(), "eyJh")
	}
}
