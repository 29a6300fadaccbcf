package processes

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/lab/records"
)

// joinLimit bounds the wait for a cluster to join, as long as the boot script waits.
const joinLimit = 30 * time.Minute

// joinCluster makes the machine a node by what a kubelet does: with the short-lived join credential it asks for a client
// certificate of its own, which the cluster's rules approve, and registers itself with that.
func (k *keeper) joinCluster(ctx context.Context) error {
	if err := k.begin("join", "joining the cluster at "+k.facts.server); err != nil {
		return err
	}
	request, key, err := certificateRequest(k.machine.Name)
	if err != nil {
		return err
	}
	var name string
	err = k.eventually(ctx, joinLimit, func() error {
		name, err = k.kubectl(ctx, joinPath, request, "create", "--validate=false", "-f", "-", "-o", "name")
		return err
	})
	if err != nil {
		return err
	}
	name = strings.TrimSpace(name)
	k.say("asked for a client certificate by %s", name)
	var certificate []byte
	err = k.eventually(ctx, joinLimit, func() error {
		text, err := k.kubectl(ctx, joinPath, "", "get", name, "-o", "jsonpath={.status.certificate}")
		if err != nil {
			return err
		}
		if text == "" {
			return errors.New("the certificate is not issued")
		}
		certificate, err = base64.StdEncoding.DecodeString(text)
		return err
	})
	if err != nil {
		return err
	}
	joiner, err := os.ReadFile(k.path(joinPath))
	if err != nil {
		return err
	}
	config, err := withCredential(joiner, certificate, key)
	if err != nil {
		return fmt.Errorf("%s: %w", joinPath, err)
	}
	if err := records.WriteFile(k.path(kubeletPath), config, 0o600); err != nil {
		return err
	}
	if err := k.register(ctx); err != nil {
		return err
	}
	// No credential outlives its use.
	return remove(k.path(joinPath))
}

// certificateRequest is a kubelet's request for its client certificate, as a manifest, and the key for it.
func certificateRequest(node string) (manifest string, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "system:node:" + node, Organization: []string{"system:nodes"}},
	}, private)
	if err != nil {
		return "", nil, err
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		return "", nil, err
	}
	data, err := json.Marshal(map[string]any{
		"apiVersion": "certificates.k8s.io/v1",
		"kind":       "CertificateSigningRequest",
		"metadata":   map[string]any{"generateName": "node-csr-"},
		"spec": map[string]any{
			"request":    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
			"signerName": "kubernetes.io/kube-apiserver-client-kubelet",
			"usages":     []string{"digital signature", "client auth"},
		},
	})
	return string(data), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), err
}

// withCredential is a kubeconfig with the same cluster and another user.
func withCredential(kubeconfig, certificate, key []byte) ([]byte, error) {
	var config map[string]any
	if err := yaml.Unmarshal(kubeconfig, &config); err != nil {
		return nil, err
	}
	users, _ := config["users"].([]any)
	if len(users) != 1 {
		return nil, fmt.Errorf("%d users; want one", len(users))
	}
	user, ok := users[0].(map[string]any)
	if !ok {
		return nil, errors.New("users[0]: is no object")
	}
	user["user"] = map[string]any{"client-certificate-data": certificate, "client-key-data": key}
	return yaml.Marshal(config)
}

// register makes the machine's Node object with the node's own credential, so that the cluster's rules for nodes apply. A
// machine made again finds its predecessor's and keeps it.
func (k *keeper) register(ctx context.Context) error {
	config, err := os.ReadFile(k.path(kubeadmPath))
	if err != nil {
		return err
	}
	labels, err := nodeLabels(config)
	if err != nil {
		return fmt.Errorf("%s: %w", kubeadmPath, err)
	}
	manifest, err := json.Marshal(k.node(labels))
	if err != nil {
		return err
	}
	return k.eventually(ctx, joinLimit, func() error {
		_, err := k.kubectl(ctx, kubeletPath, string(manifest), "create", "--validate=false", "-f", "-")
		if err != nil && strings.Contains(err.Error(), "already exists") {
			k.say("the node is known already")
			return nil
		}
		return err
	})
}

// nodeLabels are the labels that kubeadm's configuration has the kubelet give itself.
func nodeLabels(config []byte) (map[string]string, error) {
	first, _, _ := strings.Cut(string(config), "\n---\n")
	var registration struct {
		NodeRegistration struct {
			KubeletExtraArgs []struct{ Name, Value string } `json:"kubeletExtraArgs"`
		} `json:"nodeRegistration"`
	}
	if err := yaml.Unmarshal([]byte(first), &registration); err != nil {
		return nil, err
	}
	labels := map[string]string{}
	for _, arg := range registration.NodeRegistration.KubeletExtraArgs {
		if arg.Name != "node-labels" {
			continue
		}
		for label := range strings.SplitSeq(arg.Value, ",") {
			key, value, _ := strings.Cut(label, "=")
			labels[key] = value
		}
	}
	return labels, nil
}

// assumedMemoryMiB and the host's cores are the capacity of a machine whose size is unbounded.
const assumedMemoryMiB = 8192

// node is the machine's Node object. It says plainly that no kubelet and no container runtime is there.
func (k *keeper) node(labels map[string]string) map[string]any {
	labels["kubernetes.io/hostname"] = k.machine.Name
	labels["kubernetes.io/os"] = runtime.GOOS
	labels["kubernetes.io/arch"] = runtime.GOARCH
	cpus, memory := k.machine.CPUs, k.machine.MemoryMiB
	if cpus == 0 {
		cpus = runtime.NumCPU()
	}
	if memory == 0 {
		memory = assumedMemoryMiB
	}
	capacity := map[string]string{"cpu": fmt.Sprint(cpus), "memory": fmt.Sprintf("%dMi", memory), "pods": "110"}
	return map[string]any{
		"apiVersion": "v1",
		"kind":       "Node",
		"metadata":   map[string]any{"name": k.machine.Name, "labels": labels},
		"status": map[string]any{
			"addresses": []map[string]string{
				{"type": "InternalIP", "address": k.machine.Address}, {"type": "Hostname", "address": k.machine.Name},
			},
			"capacity": capacity, "allocatable": capacity,
			"nodeInfo": map[string]string{
				"architecture": runtime.GOARCH, "operatingSystem": runtime.GOOS, "osImage": "none (simulated)",
				"kernelVersion": "none", "bootID": "none", "machineID": "none", "systemUUID": "none", "kubeProxyVersion": "",
				"kubeletVersion": "none (kwok)", "containerRuntimeVersion": "none (kwok)",
			},
		},
	}
}

//go:embed stages.yaml
var stages []byte

// leaseSeconds is how long a node is believed alive after its last sign of life, as with a kubelet.
const leaseSeconds = "40"

// simulate runs the kwok that stands in for this machine's kubelet.
func (k *keeper) simulate(ctx context.Context) error {
	if err := k.begin("simulate", "starting what stands in for the kubelet"); err != nil {
		return err
	}
	var credentials []string
	err := k.eventually(ctx, joinLimit, func() (err error) {
		if credentials, err = filepath.Glob(k.lab.machineFile("*", fileSimulator)); err == nil && len(credentials) == 0 {
			err = fmt.Errorf("no machine has %s", fileSimulator)
		}
		return err
	})
	if err != nil {
		return err
	}
	const config = "/etc/lagrum/stages.yaml"
	if err := records.WriteFile(k.path(config), stages, 0o600); err != nil {
		return err
	}
	k.keepRunning(ctx, "kwok", k.programs.Kwok, "--config="+k.path(config), "--kubeconfig="+credentials[0],
		"--manage-single-node="+k.machine.Name, "--node-lease-duration-seconds="+leaseSeconds, "--node-ip="+k.machine.Address)
	return nil
}
