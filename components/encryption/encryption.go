// Package encryption ends the steps by which the key changes that Secrets are encrypted with in etcd.
//
// Files of an API server reach a control plane only with its next generation, so a change is a row of generations: the next
// key can be read with everywhere, then it writes, then the last one goes. Each step ends with a Job, awaited. It starts once
// the step's retirements are over, sees that every control plane has come to the step and writes with its key, and has
// everything written anew that lies in etcd under another key or in clear. The control planes of the next step wait for
// it before they join, by themselves: so a step that was declared too early loses nothing, whoever declared it.
//
// What is written already is found in etcd, so the Job may be stopped and run again. It reads no Secret through the API: it
// has the right to patch what is encrypted, and no other; names and the names of keys it reads in etcd, where the rest is
// encrypted. The pod is a workload.Shell.
package encryption

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"strings"

	batchv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/batch/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/workload"
	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/stacks/plan"
)

const token = "lagrum:encryption:Encryption"

const (
	account = "encryption-keys"
	// deadlineSeconds ends a Job. What it has not come to by then, the next update goes on with.
	deadlineSeconds = 60 * 60
)

//go:embed rewrite.sh
var script string

// Args of New.
type Args struct {
	Plan *plan.Plan
	// Endpoint is the host of the API's load balancer, without port.
	Endpoint pulumi.StringInput
	// Keys by number, in base64.
	Keys map[int]pulumi.StringOutput
	// Retired are the Jobs of the plan's retirements, in its order.
	Retired []pulumi.Resource
	// Guards must be in force before anything runs.
	Guards []pulumi.Resource
}

// Encryption is the change of keys of one cluster.
type Encryption struct {
	pulumi.ResourceState
}

// New declares a Job for each step that is complete. The caller's options must carry the cluster's Kubernetes provider. A
// cluster that has its first key has nothing in it, no right either.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Encryption, error) {
	e := &Encryption{}
	err := construct.Component(ctx, token, name, e, pulumi.Map{}, opts, func(parent pulumi.ResourceOption) (pulumi.Map, error) {
		steps := args.Plan.Cluster.Encryption
		if len(steps) == 1 && steps[0].Keys[0] == 1 {
			return pulumi.Map{}, nil
		}
		needs, err := rights(ctx, name, steps, parent)
		if err != nil {
			return nil, err
		}
		var last pulumi.Resource
		for i, step := range steps {
			if !step.Complete || i == 0 && step.Keys[0] == 1 {
				continue
			}
			after := append(needs[:len(needs):len(needs)], args.Guards...)
			after = append(after, args.Retired[:step.Retirements]...)
			if last != nil {
				after = append(after, last)
			}
			if last, err = rewrite(ctx, name, args, step.Keys, parent, after); err != nil {
				return nil, err
			}
		}
		return pulumi.Map{}, nil
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// jobName is what joining control planes ask for: see the boot script.
func jobName(keys plan.Keys) string { return "encryption-" + keys.String() }

func rewrite(
	ctx *pulumi.Context, name string, args *Args, keys plan.Keys, parent pulumi.ResourceOption, after []pulumi.Resource,
) (*batchv1.Job, error) {
	// The name is derived one way, and lies beside every value in etcd.
	key := pulumi.Unsecret(args.Keys[keys[0]].ApplyT(keyName)).(pulumi.StringOutput)
	env := func(name string, value pulumi.StringInput) corev1.EnvVarArgs {
		return corev1.EnvVarArgs{Name: pulumi.String(name), Value: value}
	}
	job, err := workload.Once{
		Shell: workload.Shell{
			Account: account, Name: "rewrite", Image: images.For(args.Plan.Cluster).Etcd.Ref(), Script: script, Etcd: true,
			Endpoint: args.Endpoint, Port: args.Plan.Cluster.APIPort,
			Env: corev1.EnvVarArray{
				env("KEYS", pulumi.String(keys.String())), env("NAME", key),
				env("ENCRYPTED", pulumi.String(strings.Join(bootstrap.Encrypted(), " "))),
				env("ETCDCTL_ENDPOINTS", pulumi.String("https://127.0.0.1:2379")),
				env("CREDENTIALS", pulumi.String("/var/run/secrets/kubernetes.io/serviceaccount")),
			},
		},
		Job: jobName(keys), Labels: labels(), Deadline: deadlineSeconds,
	}.Make(ctx, name+"-"+keys.String(), parent, after)
	if err != nil {
		return nil, fmt.Errorf("step %s: %w", keys, err)
	}
	return job, nil
}

func keyName(encoded string) (string, error) {
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", fmt.Errorf("encryption key: %w", err)
	}
	return bootstrap.EncryptionKeyName(key), nil
}

func labels() pulumi.StringMap {
	all := construct.Managed()
	all["app.kubernetes.io/name"] = pulumi.String(account)
	return all
}
