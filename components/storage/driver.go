package storage

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/stacks/plan"
)

// driver is what differs between clouds.
type driver struct {
	name string // as classes and volumes call it
	part string // what its objects are called
	// inTree is what Kubernetes once called the same storage. A class or a volume of that name is still handed to the driver.
	inTree, inTreeSource string
	image                images.Image

	controller half
	node       half
	// nodeReads are rights of the node plugin, which no driver needs to change anything.
	nodeReads []workload.Rule
	// nodeConfig is a file that the node plugin reads; empty for none. It is no secret.
	nodeConfig string
}

// half is one of the two programs of a driver.
type half struct {
	command, args []string
	env           corev1.EnvVarArray
	// host runs it on the node's network.
	host bool
}

const (
	socketDir  = "/csi"
	socket     = socketDir + "/csi.sock"
	configDir  = "/etc/lagrum"
	configFile = configDir + "/cloud.conf"
	kubelet    = "/var/lib/kubelet"
)

// drivers by the plan's name of the cloud.
func drivers(args *Args, c images.Catalogue) map[string]driver {
	const cinder, ebs = "cinder.csi.openstack.org", "ebs.csi.aws.com"
	cluster := args.Plan.Cluster.Name
	return map[string]driver{
		"openstack": {
			name: cinder, part: "cinder-csi", inTree: "kubernetes.io/cinder", inTreeSource: "cinder", image: c.CinderCSI,
			controller: half{
				command: []string{"/bin/cinder-csi-plugin"},
				args: []string{
					"--endpoint=unix:/" + socket, "--cloud-config=" + configFile, "--cluster=" + cluster, "--provide-node-service=false", "--v=1",
				},
			},
			node: half{
				command: []string{"/bin/cinder-csi-plugin"},
				args: []string{
					"--endpoint=unix:/" + socket, "--cloud-config=" + configFile, "--provide-controller-service=false", "--v=1",
				},
				// It asks the metadata service for the machine's id and zone. What the pod network sends there ends at the node.
				host: true,
			},
			nodeConfig: "[Metadata]\nsearch-order = metadataService\n",
		},
		"aws": {
			name: ebs, part: "ebs-csi", inTree: "kubernetes.io/aws-ebs", inTreeSource: "awsElasticBlockStore", image: c.EBSCSI,
			controller: half{
				command: []string{"/bin/aws-ebs-csi-driver"},
				args: []string{
					"controller", "--endpoint=unix:/" + socket, "--k8s-tag-cluster-id=" + cluster, "--extra-tags=" + joined(args.Tags),
					"--logging-format=text", "--v=2",
				},
				env: corev1.EnvVarArray{corev1.EnvVarArgs{Name: pulumi.String("AWS_REGION"), Value: pulumi.String(args.Plan.Cloud.Region)}},
				// The credential of the machine's role comes from the metadata service, which answers over one hop only.
				host: true,
			},
			node: half{
				command: []string{"/bin/aws-ebs-csi-driver"},
				args: []string{
					"node", "--endpoint=unix:/" + socket, "--csi-mount-point-prefix=" + kubelet + "/plugins/kubernetes.io/csi/" + ebs + "/",
					// What it has to know of its machine stands in its Node.
					"--metadata-sources=kubernetes", fmt.Sprintf("--reserved-volume-attachments=%d", mostDisks(args.Plan)),
					"--logging-format=text", "--v=2",
				},
				env: corev1.EnvVarArray{corev1.EnvVarArgs{
					Name: pulumi.String("CSI_NODE_NAME"),
					ValueFrom: &corev1.EnvVarSourceArgs{
						FieldRef: &corev1.ObjectFieldSelectorArgs{FieldPath: pulumi.String("spec.nodeName")},
					},
				}},
			},
			nodeReads: []workload.Rule{
				{Resources: []string{"nodes"}, Verbs: []string{"get"}},
				{Group: "storage.k8s.io", Resources: []string{"csinodes"}, Verbs: []string{"get"}},
			},
		},
	}
}

// joined writes tags as the driver of EBS reads them.
func joined(tags map[string]string) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		all = append(all, key+"="+tags[key])
	}
	return strings.Join(all, ",")
}

// mostDisks is the largest number of disks that a machine of the plan has of its own. So many places to attach a volume at
// are taken.
func mostDisks(p *plan.Plan) int {
	most := 0
	for _, pool := range p.Pools {
		most = max(most, len(pool.Disks))
	}
	return most
}
