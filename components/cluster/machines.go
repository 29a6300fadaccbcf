package cluster

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/pki"
	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/stacks/plan"
)

// Labels that a node gives itself. A kubelet may set all of them.
const (
	// PoolLabel names the node's pool.
	PoolLabel = "lagrum.dev/pool"
	// keysLabel says with which keys a control plane was born: see components/encryption.
	keysLabel = "lagrum.dev/encryption-keys"
	zoneLabel = "topology.kubernetes.io/zone"
)

// UserData gives the cloud-init user-data of every node of a pool, by node name. It holds no secret but what a cloud's way
// to the node's bundle may need.
//
// machineID says what the cloud's controllers call the machine of a node (providers.Cloud); loginAuthority is what signed the
// certificate of who issues people's tokens (PEM).
func UserData(
	p *plan.Plan, pool plan.Pool, endpoint, loginAuthority pulumi.StringInput, secrets map[string]providers.NodeSecret, machineID func(plan.Node) string,
) map[string]pulumi.StringInput {
	byNode := map[string]pulumi.StringInput{}
	for _, node := range pool.Nodes {
		byNode[node.Name] = pulumi.All(endpoint, loginAuthority, secrets[node.Name].Fetch).ApplyT(func(all []any) (string, error) {
			return userData(p, pool, node, all[0].(string), all[1].(string), all[2].(string), machineID(node))
		}).(pulumi.StringOutput)
	}
	return byNode
}

// Secrets gives the secret bundle of every node of a pool, by node name: a tar archive in base64. It is always secret.
func Secrets(p *plan.Plan, pool plan.Pool, endpoint pulumi.StringInput, keys *pki.PKI) map[string]pulumi.StringInput {
	shared := []any{endpoint,
		keys.Cluster.Certificate, keys.Cluster.Key,
		keys.FrontProxy.Certificate, keys.FrontProxy.Key,
		keys.Etcd.Certificate, keys.Etcd.Key,
		keys.ServiceAccountKey, keys.ServiceAccountPublic}
	byNode := map[string]pulumi.StringInput{}
	for _, node := range pool.Nodes {
		material := slices.Clone(shared)
		for _, number := range node.EncryptionKeys {
			material = append(material, keys.EncryptionKeys[number])
		}
		text := pulumi.All(material...).ApplyT(func(all []any) (string, error) { return bundle(p, pool, node, all) })
		byNode[node.Name] = pulumi.ToSecret(text).(pulumi.StringOutput)
	}
	return byNode
}

// serverURL is where clients of the API go.
func serverURL(c plan.Cluster, endpoint string) string {
	return "https://" + net.JoinHostPort(endpoint, strconv.Itoa(c.APIPort))
}

func userData(p *plan.Plan, pool plan.Pool, node plan.Node, endpoint, loginAuthority, secretFetch, machineID string) (string, error) {
	labels := maps.Clone(pool.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[PoolLabel] = pool.Name
	// Where the cloud has controllers, they say which zone a node is in, in the cloud's own words.
	if node.Zone != "" && machineID == "" {
		labels[zoneLabel] = node.Zone
	}
	if len(node.EncryptionKeys) > 0 {
		labels[keysLabel] = node.EncryptionKeys.String()
	}
	facts := shared(p.Cluster, endpoint)
	facts.Login = login(p.Cluster.Login, loginAuthority)
	text, err := bootstrap.UserData(bootstrap.Input{
		Cluster: facts,
		Node: bootstrap.Node{
			Name: node.Name, ControlPlane: pool.Role == plan.ControlPlane, Initialises: node.Initialises, Labels: labels,
			EncryptionAfter: node.EncryptionAfter.String(), OwnKernel: p.Cloud.Kind != "lab" || pool.Virtual, Data: dataDisk(p, pool),
		},
		SecretFetch: secretFetch, MachineID: machineID,
	})
	if err != nil {
		return "", fmt.Errorf("user-data of %s: %w", node.Name, err)
	}
	return string(text), nil
}

// dataDisk is the pool's data disk as its nodes are told of it; nil where it has none.
func dataDisk(p *plan.Plan, pool plan.Pool) *bootstrap.Data {
	for _, disk := range pool.Disks {
		if disk.Name != "data" {
			continue
		}
		data := &bootstrap.Data{GiB: disk.GiB}
		if slices.Contains(disk.EncryptedBy, plan.ByGuest) {
			data.Needed = p.GuestEncryption.Needed
			for _, server := range p.GuestEncryption.KeyServers {
				data.KeyServers = append(data.KeyServers, bootstrap.KeyServer(server))
			}
		}
		return data
	}
	return nil
}

// shared are the facts that all nodes of a cluster share, but for who logs in.
func shared(c plan.Cluster, endpoint string) bootstrap.Cluster {
	return bootstrap.Cluster{
		Name: c.Name, Version: c.Version, Registry: c.Registry, EtcdTag: c.EtcdTag,
		PauseImage: images.For(c).Pause.Tagged(), // kubeadm asks for this very reference
		Endpoint:   endpoint, APIPort: c.APIPort, Domain: c.Domain,
		ServiceCIDR: c.ServiceCIDR, PodCIDR: c.PodCIDR, DNSAddress: c.DNSAddress,
	}
}

// login is who logs in besides the program and the cluster's own, or nil.
func login(l *plan.Login, authority string) *bootstrap.Login {
	if l == nil {
		return nil
	}
	made := &bootstrap.Login{Issuer: l.Issuer, CA: authority, Connectors: l.Accepted, Seconds: l.IDTokenSeconds}
	for _, p := range l.Pipelines {
		made.Pipelines = append(made.Pipelines, bootstrap.Pipeline{Name: p.Name, Issuer: p.Issuer, Audience: p.Audience, Subjects: p.Subjects})
	}
	return made
}

// bundle packs what Secrets has collected, in its order.
func bundle(p *plan.Plan, pool plan.Pool, node plan.Node, all []any) (string, error) {
	text := func(i int) []byte { return []byte(all[i].(string)) }
	secrets := bootstrap.Secrets{
		ClusterCA: text(1), ClusterCAKey: text(2), FrontProxyCA: text(3), FrontProxyCAKey: text(4),
		EtcdCA: text(5), EtcdCAKey: text(6), ServiceAccountKey: text(7), ServiceAccountPub: text(8),
	}
	for i, number := range node.EncryptionKeys {
		key, err := base64.StdEncoding.DecodeString(all[9+i].(string))
		if err != nil {
			return "", fmt.Errorf("secrets of %s: encryption key %d: %w", node.Name, number, err)
		}
		if i == 0 {
			secrets.EncryptionKey = key
			continue
		}
		secrets.ReadingKeys = append(secrets.ReadingKeys, key)
	}
	if !node.Initialises {
		var err error
		secrets.JoinKubeconfig, err = bootstrap.JoinKubeconfig(bootstrap.JoinCredential{
			Pool: pool.Name, Server: serverURL(p.Cluster, all[0].(string)),
			CA: secrets.ClusterCA, CAKey: secrets.ClusterCAKey,
			NotBefore: p.Cluster.Join.NotBefore, NotAfter: p.Cluster.Join.NotAfter,
		})
		if err != nil {
			return "", fmt.Errorf("secrets of %s: %w", node.Name, err)
		}
	}
	archive, err := bootstrap.Bundle(secrets, bootstrap.Node{
		Name: node.Name, ControlPlane: pool.Role == plan.ControlPlane, Initialises: node.Initialises,
	})
	if err != nil {
		return "", fmt.Errorf("secrets of %s: %w", node.Name, err)
	}
	return base64.StdEncoding.EncodeToString(archive), nil
}
