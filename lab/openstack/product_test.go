//go:build openstack

package openstack

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// productName is the stack's: country and environment. A test environment, since production refuses to be destroyed.
const productName = "se-test"

// testProduct runs the product's own program against the cloud: everything that lies in OpenStack, and the keys that it
// rests on. No machine boots here, so nothing inside a cluster is made.
func testProduct(t *testing.T, l *Lab, s *stack) {
	checkout, err := filepath.Abs("../..")
	require.NoError(t, err)
	tenant, err := l.Login(t.Context(), Tenant)
	require.NoError(t, err)
	p := &product{stack: &stack{cli: s.cli, dir: t.TempDir(), bin: s.bin}}
	build(t, checkout, "./tests/clouds", filepath.Join(p.dir, "program"))
	home := ""
	for _, variable := range s.env {
		if value, ok := strings.CutPrefix(variable, "PULUMI_HOME="); ok {
			home = value
		}
	}
	build(t, filepath.Join(checkout, "lab/plugins/kubernetes"), ".", filepath.Join(s.bin, "pulumi-resource-kubernetes"))
	for folder, target := range map[string]string{
		"resource-tls-v5.2.0": "lagrum", "resource-random-v4.18.0": "lagrum", "resource-kubernetes-v4.33.0": "pulumi-resource-kubernetes",
	} {
		plugin := filepath.Join(home, "plugins", folder)
		require.NoError(t, os.MkdirAll(plugin, 0o755))
		name := "pulumi-" + folder[:strings.LastIndex(folder, "-v")]
		require.NoError(t, os.Symlink(filepath.Join(s.bin, target), filepath.Join(plugin, name)))
	}
	keystone, authority := p.encryptedKeystone(t)
	p.authority = authority
	p.env = append(slices.Clone(s.env), "SSL_CERT_FILE="+authority)
	project := "name: lagrum\nruntime:\n  name: go\n  options:\n    binary: ./program\n"
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "Pulumi.yaml"), []byte(project), 0o600))
	p.site = p.declare(t, tenant, keystone)
	p.write(t)
	p.run(t, "stack", "select", "--create", productName)
	environment, err := l.Environment()
	require.NoError(t, err)
	for key, variable := range map[string]string{
		"openstackCredentialID": "OS_APPLICATION_CREDENTIAL_ID", "openstackCredentialSecret": "OS_APPLICATION_CREDENTIAL_SECRET",
	} {
		p.run(t, "config", "set", "--secret", "lagrum:"+key, environment[variable], "--stack", productName)
	}

	t.Run("what a killed update left is found and removed", func(t *testing.T) { p.killedMidCreate(t, l, tenant) })
	t.Run("load balancers whose creation failed are found and removed", func(t *testing.T) { p.failedBalancers(t, l, tenant) })
	p.update(t, "up", "--yes", "--skip-preview")
	p.update(t, "preview", "--expect-no-changes")
	p.update(t, "refresh", "--yes", "--skip-preview", "--expect-no-changes")
	p.update(t, "preview", "--expect-no-changes")
	t.Run("every disk is encrypted", func(t *testing.T) { p.readVolumes(t, l, tenant, 5) })
	t.Run("every rule says why, and nothing is open to the world", func(t *testing.T) { p.readRules(t, tenant) })
	t.Run("the load balancers know their sources", func(t *testing.T) { p.readBalancers(t, tenant) })
	t.Run("a node fetches its bundle and nothing else", func(t *testing.T) { p.fetchBundle(t, tenant) })
	p.controllers(t, l, tenant)

	p.pool("workers")["count"] = 2
	p.write(t)
	t.Run("volumes whose creation failed are found and removed", func(t *testing.T) { p.failedVolumes(t, l, tenant) })
	t.Run("a machine that was never made is found in the state", func(t *testing.T) { p.failedMachine(t, l, tenant) })
	t.Run("pools grow by encrypted disks", func(t *testing.T) { p.readVolumes(t, l, tenant, 8) })
	p.pool("workers")["generation"], p.pool("workers")["leaving"] = 2, []string{"workers-1-g1", "workers-2-g1"}
	p.write(t)
	p.update(t, "up", "--yes", "--skip-preview")
	t.Run("a generation comes before the last one goes", func(t *testing.T) { p.readVolumes(t, l, tenant, 12) })
	delete(p.pool("workers"), "leaving")
	p.write(t)
	p.update(t, "up", "--yes", "--skip-preview")
	t.Run("and then it goes", func(t *testing.T) { p.readVolumes(t, l, tenant, 8) })
	p.update(t, "preview", "--expect-no-changes")

	p.run(t, "destroy", "--yes", "--skip-preview", "--stack", productName)
	t.Run("nothing is left in the cloud", func(t *testing.T) { readEmpty(t, tenant) })
}

// product is the stack of the product's program.
type product struct {
	*stack
	site      map[string]any
	authority string // the file of the certificate that Keystone shows
}

// encryptedKeystone is the lab's Keystone behind TLS, since a site takes no other.
func (p *product) encryptedKeystone(t *testing.T) (address, authority string) {
	plain, err := serviceURL("keystone")
	require.NoError(t, err)
	target, err := url.Parse(plain)
	require.NoError(t, err)
	server := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(target))
	t.Cleanup(server.Close)
	authority = filepath.Join(p.dir, "authority.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(authority, text, 0o600))
	return server.URL, authority
}

// declare is the site: production's of the repository, with what this cloud has.
func (p *product) declare(t *testing.T, tenant *Client, keystone string) map[string]any {
	text, err := os.ReadFile("../../Pulumi.se-prod.yaml")
	require.NoError(t, err)
	var file struct{ Config map[string]any }
	require.NoError(t, yaml.Unmarshal(text, &file))
	site := file.Config["lagrum:site"].(map[string]any)
	site["environment"] = "test"
	// Its stores are another's; no S3 is here.
	delete(site, "objectStore")
	delete(site["backup"].(map[string]any), "endpoint")
	// Nor does anybody log in: that is for the lab's cluster to show.
	delete(site["identity"].(map[string]any), "login")
	delete(site, "access")
	var found struct {
		Networks []struct{ ID, Name string }
		Images   []struct{ ID, Name string }
	}
	require.NoError(t, tenant.Get(t.Context(), "neutron", "/networks?name="+ExternalNetwork, &found))
	require.NoError(t, tenant.Get(t.Context(), "glance", "/images?name="+Image, &found))
	require.Len(t, found.Networks, 1)
	require.Len(t, found.Images, 1)
	cloud := site["cloud"].(map[string]any)["openstack"].(map[string]any)
	cloud["authURL"], cloud["region"], cloud["project"] = keystone+"/v3", region, Tenant
	cloud["externalNetworkName"] = ExternalNetwork
	cloud["externalNetwork"], cloud["image"], cloud["encryptedVolumeType"] = found.Networks[0].ID, found.Images[0].ID, EncryptedType
	cluster := site["cluster"].(map[string]any)
	cluster["name"], cluster["nodeCIDR"] = productName, "172.31.0.0/24"
	for _, each := range site["nodePools"].([]any) {
		pool := each.(map[string]any)
		pool["size"], pool["zones"], pool["disks"] = Flavour, []string{"nova"}, []any{map[string]any{"name": "root", "gib": 20}}
		if pool["role"] == "worker" {
			pool["count"], pool["generation"] = 1, 1
			pool["disks"] = append(pool["disks"].([]any), map[string]any{"name": "data", "gib": 1})
		}
	}
	return site
}

func (p *product) pool(name string) map[string]any {
	for _, each := range p.site["nodePools"].([]any) {
		if pool := each.(map[string]any); pool["name"] == name {
			return pool
		}
	}
	return nil
}

// write keeps what the CLI has written into the stack's file: secrets and their salt.
func (p *product) write(t *testing.T) {
	path := filepath.Join(p.dir, "Pulumi."+productName+".yaml")
	file := map[string]any{}
	text, err := os.ReadFile(path)
	if err == nil {
		require.NoError(t, yaml.Unmarshal(text, &file))
	}
	config, _ := file["config"].(map[string]any)
	if config == nil {
		config = map[string]any{"pulumi:disable-default-providers": []string{"*"}}
	}
	config["lagrum:site"], file["config"] = p.site, config
	text, err = yaml.Marshal(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
}

// update runs an operation on what lies in the cloud, and on the keys that it rests on.
func (p *product) update(t *testing.T, args ...string) {
	text, err := p.attempt(args...)
	require.NoError(t, err, "pulumi %v\n%s", args, text)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	t.Logf("pulumi %s:\n%s", args[0], strings.Join(lines[max(0, len(lines)-6):], "\n"))
}

// attempt is an update that may fail.
func (p *product) attempt(args ...string) (string, error) {
	cmd := exec.Command("timeout", append([]string{"--signal=INT", "--kill-after=60", "600", p.cli}, p.targeted(args...)...)...)
	cmd.Dir, cmd.Env = p.dir, p.env
	text, err := cmd.CombinedOutput()
	return string(text), err
}

func (p *product) targeted(args ...string) []string {
	for _, pattern := range []string{"**openstack**", "**tls:index**", "**random**", "**lagrum:pki:PKI**", "**lagrum:cluster:Cluster::**", "**providers:kubernetes**"} {
		args = append(args, "--target", pattern)
	}
	return append(args, "--stack", productName, "--non-interactive")
}

func (p *product) readVolumes(t *testing.T, l *Lab, tenant *Client, count int) {
	var list struct {
		Volumes []struct {
			ID, Name, Status string
			Encrypted        bool
			Metadata         map[string]string
		}
	}
	require.NoError(t, tenant.Get(t.Context(), "cinder", "/volumes/detail", &list))
	require.Len(t, list.Volumes, count)
	for _, volume := range list.Volumes {
		assert.True(t, volume.Encrypted, volume.Name)
		assert.Equal(t, "in-use", volume.Status, volume.Name)
		assert.Equal(t, productName, volume.Metadata["lagrum-stack"], volume.Name)
		files, err := filepath.Glob(l.Path("data", "cinder", "shares", "*", "volume-"+volume.ID))
		require.NoError(t, err)
		require.Len(t, files, 1, volume.Name)
		assertLUKS(t, files[0])
	}
}

func (p *product) readRules(t *testing.T, tenant *Client) {
	var list struct {
		Groups []struct {
			ID, Name string
			Tags     []string
		} `json:"security_groups"`
		Rules []struct {
			Group                  string `json:"security_group_id"`
			Direction, Description string
			First                  int    `json:"port_range_min"`
			Last                   int    `json:"port_range_max"`
			Prefix                 string `json:"remote_ip_prefix"`
			Remote                 string `json:"remote_group_id"`
		} `json:"security_group_rules"`
		Ports []struct {
			Owner  string   `json:"device_owner"`
			Groups []string `json:"security_groups"`
			Tags   []string
		}
	}
	require.NoError(t, tenant.Get(t.Context(), "neutron", "/security-groups?project_id="+tenant.Project, &list))
	require.NoError(t, tenant.Get(t.Context(), "neutron", "/security-group-rules?project_id="+tenant.Project, &list))
	require.NoError(t, tenant.Get(t.Context(), "neutron", "/ports?project_id="+tenant.Project, &list))
	ours := map[string]bool{}
	gateway := ""
	for _, group := range list.Groups {
		if slices.Contains(group.Tags, "lagrum-stack="+productName) {
			ours[group.ID] = true
		}
		if group.Name == productName+"-gateway" {
			gateway = group.ID
		}
	}
	require.Len(t, ours, 4)
	rules, doors := 0, map[int]bool{}
	for _, rule := range list.Rules {
		if !ours[rule.Group] {
			continue
		}
		rules++
		assert.NotEmpty(t, rule.Description, "a reason")
		if rule.Group == gateway && rule.Prefix == "0.0.0.0/0" && rule.Direction == "ingress" {
			require.Equal(t, rule.First, rule.Last)
			doors[rule.First] = true
			continue
		}
		if rule.Direction == "ingress" {
			assert.True(t, rule.Remote != "" || rule.Prefix != "" && rule.Prefix != "0.0.0.0/0", "%+v", rule)
		}
	}
	assert.Greater(t, rules, 25)
	assert.Equal(t, map[int]bool{443: true, 80: true}, doors, "what the Internet reaches")
	guarded := 0
	for _, port := range list.Ports {
		if strings.HasPrefix(port.Owner, "network:router") {
			continue
		}
		guarded++
		require.Len(t, port.Groups, 1)
		assert.True(t, ours[port.Groups[0]], "a port in no group of ours")
		assert.Contains(t, port.Tags, "lagrum-stack="+productName)
	}
	assert.Equal(t, 6, guarded, "four nodes, the API and the gateway")
}

// readBalancers reads the two load balancers: the API's, which knows its sources and has no address on the Internet, and
// the gateway's, which has the only one.
func (p *product) readBalancers(t *testing.T, tenant *Client) {
	type listener struct {
		Name     string
		Allowed  []string `json:"allowed_cidrs"`
		Port     int      `json:"protocol_port"`
		Pool     string   `json:"default_pool_id"`
		Protocol string
	}
	var list struct {
		Balancers []struct {
			Name         string
			Provisioning string `json:"provisioning_status"`
			Port         string `json:"vip_port_id"`
			Tags         []string
		} `json:"loadbalancers"`
		Listeners []listener
		Pools     []struct{ ID, Protocol string }
		Monitors  []struct {
			Name, Type string
			Path       string `json:"url_path"`
		} `json:"healthmonitors"`
		Floating []struct {
			Address string `json:"floating_ip_address"`
			Port    string `json:"port_id"`
			Tags    []string
		} `json:"floatingips"`
	}
	for service, path := range map[string][]string{
		"octavia": {"/lbaas/loadbalancers", "/lbaas/listeners", "/lbaas/pools", "/lbaas/healthmonitors"}, "neutron": {"/floatingips"},
	} {
		for _, each := range path {
			require.NoError(t, tenant.Get(t.Context(), service, each, &list))
		}
	}
	ports := map[string]string{}
	for _, balancer := range list.Balancers {
		assert.Equal(t, "ACTIVE", balancer.Provisioning, balancer.Name)
		assert.Contains(t, balancer.Tags, "lagrum-stack="+productName)
		ports[balancer.Name] = balancer.Port
	}
	require.Len(t, ports, 2)
	protocols := map[string]string{}
	for _, pool := range list.Pools {
		protocols[pool.ID] = pool.Protocol
	}
	listeners := map[string]listener{}
	for _, each := range list.Listeners {
		listeners[each.Name] = each
	}
	monitors := map[string]string{}
	for _, monitor := range list.Monitors {
		monitors[monitor.Name] = monitor.Type + " " + monitor.Path
	}
	for name, want := range map[string]struct {
		port, members, memberPort int
		protocol, monitor         string
		sources                   []string
	}{
		"-api":           {6443, 3, 6443, "TCP", "HTTPS /readyz", []string{"172.31.0.0/24", "192.0.2.0/24", "198.51.100.0/24"}},
		"-gateway-https": {443, 1, 30443, "PROXY", "TCP ", []string{"172.31.0.0/24", "0.0.0.0/0"}},
		"-gateway-http":  {80, 1, 30080, "PROXY", "TCP ", []string{"172.31.0.0/24", "0.0.0.0/0"}},
	} {
		name = productName + name
		front := listeners[name]
		assert.Equal(t, want.port, front.Port, name)
		assert.ElementsMatch(t, want.sources, front.Allowed, name)
		assert.Equal(t, want.protocol, protocols[front.Pool], name)
		assert.Equal(t, want.monitor, monitors[name], name)
		var behind struct {
			Members []struct {
				Port int `json:"protocol_port"`
			}
		}
		require.NoError(t, tenant.Get(t.Context(), "octavia", "/lbaas/pools/"+front.Pool+"/members", &behind))
		assert.Len(t, behind.Members, want.members, name)
		for _, member := range behind.Members {
			assert.Equal(t, want.memberPort, member.Port, name)
		}
	}
	require.Len(t, list.Floating, 1, "the only address on the Internet")
	assert.Equal(t, ports[productName+"-gateway"], list.Floating[0].Port)
	assert.Contains(t, list.Floating[0].Tags, "lagrum-stack="+productName)
	said := p.run(t, "stack", "output", "gateway", "--stack", productName)
	assert.Equal(t, list.Floating[0].Address, strings.TrimSpace(said))
}

// fetchBundle does what a control plane does on its first boot: it takes the command out of its user-data and runs it.
// Then it tries what else that credential opens.
func (p *product) fetchBundle(t *testing.T, tenant *Client) {
	command := p.fetchCommand(t, productName+"-cp-1-g1")
	run := func(script string) (out, said string, err error) {
		shell := exec.Command("sh", "-euc", script)
		shell.Env = append(os.Environ(), "CURL_CA_BUNDLE="+p.authority)
		var stdout, stderr bytes.Buffer
		shell.Stdout, shell.Stderr = &stdout, &stderr
		err = shell.Run()
		return stdout.String(), stderr.String(), err
	}
	archive, said, err := run(command)
	require.NoError(t, err, said)
	list := exec.Command("tar", "-t")
	list.Stdin = strings.NewReader(archive)
	names, err := list.CombinedOutput()
	require.NoError(t, err, string(names))
	assert.Contains(t, string(names), "etc/kubernetes/pki/ca.key")

	var secrets struct {
		Secrets []struct {
			Ref string `json:"secret_ref"`
		}
	}
	require.NoError(t, tenant.Get(t.Context(), "barbican", "/secrets?name="+productName+"-cp-2-g1", &secrets))
	require.Len(t, secrets.Secrets, 1)
	mine := command[strings.LastIndex(command, "'http")+1 : strings.LastIndex(command, "/payload'")]
	for what, other := range map[string]string{
		"another node's bundle": strings.Replace(command, mine, secrets.Secrets[0].Ref, 1),
		"the list of secrets":   strings.Replace(command, mine+"/payload", mine[:strings.LastIndex(mine, "/")], 1),
		"the bundle's metadata": strings.Replace(command, mine+"/payload", mine, 1),
	} {
		require.NotEqual(t, command, other, what)
		answer, said, _ := run(other)
		assert.Empty(t, answer, what)
		assert.Regexp(t, `curl: \(22\).*40[13]`, said, what)
	}
}

// resource is one of the stack's state, whose secrets can be read.
type resource struct {
	URN, ID, Type   string
	Inputs, Outputs map[string]json.RawMessage
}

func (p *product) state(t *testing.T) []resource {
	export := exec.Command(p.cli, "stack", "export", "--show-secrets", "--stack", productName, "--non-interactive")
	export.Dir, export.Env = p.dir, p.env
	text, err := export.Output()
	require.NoError(t, err)
	var state struct {
		Deployment struct{ Resources []resource }
	}
	require.NoError(t, json.Unmarshal(text, &state))
	return state.Deployment.Resources
}

// fetchCommand reads the command out of the user-data in the state.
func (p *product) fetchCommand(t *testing.T, name string) string {
	for _, r := range p.state(t) {
		if r.Type != "openstack:compute/instance:Instance" || !strings.HasSuffix(r.URN, "::"+name) {
			continue
		}
		var secret struct{ Plaintext string }
		require.NoError(t, json.Unmarshal(r.Inputs["userData"], &secret), "user-data that holds a credential is no secret")
		var userData string
		require.NoError(t, json.Unmarshal([]byte(secret.Plaintext), &userData))
		var config struct {
			WriteFiles []struct{ Path, Content, Encoding string } `yaml:"write_files"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(userData), &config))
		for _, file := range config.WriteFiles {
			if file.Path != "/usr/local/sbin/lagrum-secrets" {
				continue
			}
			if file.Encoding == "" {
				return file.Content
			}
			packed, err := base64.StdEncoding.DecodeString(file.Content)
			require.NoError(t, err)
			unpack := exec.Command("gunzip", "--stdout")
			unpack.Stdin = bytes.NewReader(packed)
			content, err := unpack.Output()
			require.NoError(t, err)
			return string(content)
		}
	}
	require.Fail(t, fmt.Sprintf("no user-data of %s", name))
	return ""
}
