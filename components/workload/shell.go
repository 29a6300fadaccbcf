package workload

import (
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const controlPlane = "node-role.kubernetes.io/control-plane"

// Shell is a pod on a control-plane node that runs a script beside etcd.
//
// A script has to read etcd's answers and decide; neither etcd's nor kubectl's image has a shell. The container therefore
// is etcd's image (for an etcdctl that fits the cluster's etcd) with the node's own shell, its libraries and its kubectl
// mounted read-only, which the contract on node images promises. It is root only to read the key of etcd's health-check
// certificate, has no capability at all, cannot write to any disk, and sees three files of the node's PKI, no key of an
// authority among them. It is on the host's network because etcd listens there, and because a broken pod network must not
// stop what mends a cluster.
type Shell struct {
	Account string // of the pod, in its namespace
	Name    string // of the container
	Image   string // etcd's
	Script  string
	Env     corev1.EnvVarArray
	// Etcd gives the script etcdctl's certificate.
	Etcd bool
	// Endpoint and Port are those of the API's load balancer, which the script uses instead of the API's service address.
	Endpoint pulumi.StringInput
	Port     int
	Affinity *corev1.AffinityArgs
}

// Pod is the pod of the script. Each attempt keeps its log.
func (s Shell) Pod() *corev1.PodSpecArgs {
	const pki = "/etc/kubernetes/pki/etcd/"
	env := func(name, value string) corev1.EnvVarArgs {
		return corev1.EnvVarArgs{Name: pulumi.String(name), Value: pulumi.String(value)}
	}
	// Name, path on the node, kind of path, path in the container.
	mounts := [][4]string{
		{"node-bin", "/usr/bin", "Directory", "/node/bin"},
		{"node-lib", "/usr/lib", "Directory", "/lib"},
		// The dynamic loader of amd64; Debian has no such directory elsewhere, and an empty one does no harm.
		{"node-lib64", "/usr/lib64", "DirectoryOrCreate", "/lib64"},
		{"node-kubectl", "/usr/local/bin/kubectl", "File", "/node/tools/kubectl"},
	}
	vars := append(corev1.EnvVarArray{}, s.Env...)
	vars = append(vars, env("PATH", "/usr/local/bin:/node/tools:/node/bin")) // etcdctl, kubectl, sleep
	if s.Etcd {
		mounts = append(mounts, [][4]string{
			{"etcd-ca", pki + "ca.crt", "File", "/etcd/ca.crt"},
			{"etcd-certificate", pki + "healthcheck-client.crt", "File", "/etcd/client.crt"},
			{"etcd-key", pki + "healthcheck-client.key", "File", "/etcd/client.key"},
		}...)
		vars = append(vars, env("ETCDCTL_CACERT", "/etcd/ca.crt"), env("ETCDCTL_CERT", "/etcd/client.crt"), env("ETCDCTL_KEY", "/etcd/client.key"))
	}
	vars = append(vars, APIAddress(s.Endpoint, s.Port)...)
	var volumes corev1.VolumeArray
	var volumeMounts corev1.VolumeMountArray
	for _, m := range mounts {
		volumes = append(volumes, FromHost(m[0], m[1], m[2]))
		volumeMounts = append(volumeMounts, Mount(m[0], m[3], true))
	}
	return &corev1.PodSpecArgs{
		ServiceAccountName:           pulumi.String(s.Account),
		AutomountServiceAccountToken: pulumi.Bool(true),
		RestartPolicy:                pulumi.String("Never"),
		HostNetwork:                  pulumi.Bool(true),
		DnsPolicy:                    pulumi.String("Default"),
		PriorityClassName:            pulumi.String(ClusterCritical),
		NodeSelector:                 pulumi.StringMap{controlPlane: pulumi.String("")},
		Affinity:                     s.Affinity,
		Tolerations: corev1.TolerationArray{corev1.TolerationArgs{
			Key: pulumi.String(controlPlane), Operator: pulumi.String("Exists"), Effect: pulumi.String("NoSchedule"),
		}},
		SecurityContext: &corev1.PodSecurityContextArgs{RunAsUser: pulumi.Int(0), SeccompProfile: RuntimeDefault()},
		Containers: corev1.ContainerArray{corev1.ContainerArgs{
			Name:            pulumi.String(s.Name),
			Image:           pulumi.String(s.Image),
			ImagePullPolicy: pulumi.String("IfNotPresent"),
			Command:         pulumi.ToStringArray([]string{"/node/bin/sh", "-c", s.Script}),
			Env:             vars,
			Resources:       Needed("50m", "64Mi", "256Mi"),
			SecurityContext: Confined(false),
			VolumeMounts:    volumeMounts,
		}},
		Volumes: volumes,
	}
}
