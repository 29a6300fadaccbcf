package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lagrum/lagrum/cmd/lagrum/internal/doctor"
	"github.com/lagrum/lagrum/cmd/lagrum/internal/pulumicli"
	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/images/lock"
	"github.com/lagrum/lagrum/lab/machines"
	labplugin "github.com/lagrum/lagrum/lab/plugins/lab"
	"github.com/lagrum/lagrum/lab/processes"
	"github.com/lagrum/lagrum/stacks/country"
	"github.com/lagrum/lagrum/stacks/plan"
)

// project is the name in Pulumi.yaml.
const project = "lagrum"

// stackFlag adds --stack, whose default is the lab's name.
func stackFlag(c *cobra.Command) {
	c.Flags().StringP("stack", "s", machines.EnvironmentName(), "stack to work on")
}

func openStack(c *cobra.Command) (pulumicli.Stack, error) {
	dir, err := c.Flags().GetString("directory")
	if err != nil {
		return pulumicli.Stack{}, err
	}
	name, err := c.Flags().GetString("stack")
	return pulumicli.Stack{Dir: dir, Name: name, Progress: c.OutOrStdout()}, err
}

func doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Repair a stack whose update was killed, and find what failed creates left in its cloud",
		Long: `Repair a stack whose update was killed: its dead lock, and creates that were never concluded. Then compare what stands
in the stack's cloud with what its state holds, and say of each thing that differs what it is and how it is removed.

Nothing in the cloud is removed without --remove, and with it only what carries the stack's tag or name, is outside its
state, is not in use, and in production can hold no data. The exit code is 0 where nothing is found, 1 where looking
failed, 2 where something is left.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			stack, err := openStack(c)
			if err != nil {
				return err
			}
			removes, err := c.Flags().GetBool("remove")
			if err != nil {
				return err
			}
			name := machines.EnvironmentName()
			state, err := processes.StateDir(name)
			if err != nil {
				return err
			}
			if os.Getenv("PULUMI_BACKEND_URL") == "file://"+state+"/pulumi" && stack.Name != name {
				return fmt.Errorf("stack %s: this shell is lab %s's; enter the other's: eval \"$(LAGRUM_LAB=%s bin/lagrum lab env)\"", stack.Name, name, stack.Name)
			}
			d := &doctor.Doctor{
				Pulumi:  stack.Run,
				Finders: []doctor.Finder{doctor.StateOnly{}, doctor.Kubernetes{Get: kubectlGet(stack)}, labFinder{}},
				Out:     c.OutOrStdout(),
			}
			if lock, err := doctor.FileBackendLock(os.Getenv("PULUMI_BACKEND_URL"), project); err == nil {
				d.Lock = lock
			}
			search, unreachable := openSearch(c.Context(), stack, c.OutOrStdout())
			if search != nil {
				d.Finders = append(d.Finders, cloudFinder{})
			}
			// A cloud that cannot be reached is no reason to leave the stack locked.
			if err := errors.Join(d.Heal(c.Context(), stack.Name), unreachable); err != nil || search == nil {
				return err
			}
			return search.look(c, d.Lock != nil, removes)
		},
	}
	stackFlag(cmd)
	cmd.Flags().Bool("remove", false, "remove what is safely this stack's, outside its state and not in use")
	return cmd
}

// kubectlGet asks the stack's own cluster, with the kubeconfig of the stack's outputs and none that the shell has.
func kubectlGet(stack pulumicli.Stack) func(ctx context.Context, kind, namespace, name string) (bool, string, error) {
	return func(ctx context.Context, kind, namespace, name string) (bool, string, error) {
		text, err := stack.Kubeconfig(ctx)
		if err != nil {
			return false, "", fmt.Errorf("no kubeconfig to look with: %w", err)
		}
		dir, err := os.MkdirTemp("", "lagrum-doctor-")
		if err != nil {
			return false, "", err
		}
		defer os.RemoveAll(dir)
		config := filepath.Join(dir, "kubeconfig")
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			return false, "", err
		}
		args := []string{"--kubeconfig", config, "--request-timeout=30s", "get", kind, name, "--ignore-not-found",
			"-o", `jsonpath={.metadata.name} {.metadata.labels.app\.kubernetes\.io/managed-by}`}
		if namespace != "" {
			args = append(args, "--namespace", namespace)
		}
		out, err := exec.CommandContext(ctx, "kubectl", args...).Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			// A kind that the cluster does not know cannot have been created.
			if strings.Contains(string(exit.Stderr), "doesn't have a resource type") {
				return false, "", nil
			}
			return false, "", fmt.Errorf("kubectl get %s %s: %s", kind, name, exit.Stderr)
		}
		found, manager, _ := strings.Cut(string(out), " ")
		return found != "", manager, err
	}
}

// labFinder looks for objects of the lab. What a killed create left is removed: the next update makes it whole.
type labFinder struct{}

func (labFinder) Handles(t string) bool { return strings.HasPrefix(t, "lab:") }

func (labFinder) Find(ctx context.Context, p doctor.Pending) (doctor.Finding, error) {
	host, err := labplugin.OpenHost()
	if err != nil {
		return doctor.Finding{}, err
	}
	removed, err := host.RemoveOwned(ctx, p.URN)
	if err != nil {
		return doctor.Finding{}, err
	}
	if len(removed) == 0 {
		return doctor.Finding{Verdict: doctor.Clear, Why: "the lab has nothing of it"}, nil
	}
	return doctor.Finding{Verdict: doctor.Clear, Why: "removed what was left: " + strings.Join(removed, ", ")}, nil
}

func renewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "renew",
		Short: "Renew the administrator's certificate of a stack that was left alone for longer than it lasts",
		Long: `Renew the administrator's certificate of a stack that was left alone for longer than it lasts.

Any update renews it well before its end. Once it has ended, pulumi refresh and a preview can no longer read the
cluster; this updates the certificate and the Kubernetes provider that uses it, and nothing else.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			stack, err := openStack(c)
			if err != nil {
				return err
			}
			resources, err := stack.Resources(c.Context())
			if err != nil {
				return err
			}
			args := []string{"up", "--yes", "--skip-preview", "--non-interactive"}
			targets := 0
			for _, r := range resources {
				if r.Type == "tls:index/locallySignedCert:LocallySignedCert" || r.Type == "pulumi:providers:kubernetes" {
					args = append(args, "--target", r.URN)
					targets++
				}
			}
			if targets < 2 {
				return fmt.Errorf("stack %s: its state holds no administrator's certificate with a Kubernetes provider; run: pulumi up", stack.Name)
			}
			return stack.Show(c.Context(), args...)
		},
	}
	stackFlag(cmd)
	return cmd
}

func kubeconfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kubeconfig",
		Short: "Print the kubeconfig of everybody who logs in to a stack's cluster; it holds no credential",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			stack, err := openStack(c)
			if err != nil {
				return err
			}
			text, err := stack.Run(c.Context(), "stack", "output", "peoplesKubeconfig")
			if err != nil {
				return fmt.Errorf("stack %s: no kubeconfig for people; has its site identity.login, and was it updated since? %w", stack.Name, err)
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
	stackFlag(cmd)
	return cmd
}

func planCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "plan FILE",
		Short: "Decide a stack's plan from its Pulumi.<stack>.yaml and print it, or every reason why there is none",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := decide(c, args[0])
			if err != nil {
				return err
			}
			if err := apart(args[0], p); err != nil {
				return fmt.Errorf("%s:\n%w", args[0], err)
			}
			if err := pin(c, filepath.Dir(args[0]), &p); err != nil {
				return err
			}
			encoder := json.NewEncoder(c.OutOrStdout())
			encoder.SetIndent("", "  ")
			return encoder.Encode(p)
		},
	}
}

// decide is the plan of a stack's configuration file; what it warns of goes to standard error.
func decide(c *cobra.Command, file string) (plan.Plan, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return plan.Plan{}, err
	}
	p, warnings, err := plan.OfStack(text, time.Now().UTC())
	for _, w := range warnings {
		fmt.Fprintln(c.ErrOrStderr(), "warning:", w)
	}
	if err != nil {
		return plan.Plan{}, fmt.Errorf("%s:\n%w", file, err)
	}
	return p, nil
}

// pin gives a plan the digests of the lock file beside its stack's. What an update would be refused for is a warning here, as in
// a preview.
func pin(c *cobra.Command, project string, p *plan.Plan) error {
	held, err := lock.Load(project)
	if err != nil {
		return err
	}
	warnings, err := plan.Unresolved(p, images.Pin(p, held.Digests()))
	for _, w := range warnings {
		fmt.Fprintln(c.ErrOrStderr(), "warning:", w)
	}
	var refused plan.Refusals
	if errors.As(err, &refused) {
		fmt.Fprintln(c.ErrOrStderr(), "warning: an update is refused as things are:", refused)
		return nil
	}
	return err
}

// apart refuses a recovery stack that stands where the stack stands whose place it takes, if that is declared beside it.
func apart(file string, recovery plan.Plan) error {
	if recovery.Recovery == nil || recovery.Recovery.Of == "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(file), "Pulumi."+recovery.Recovery.Of+".yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	primary, _, err := plan.OfStack(text, time.Now().UTC())
	if err != nil {
		return nil // it is refused for reasons of its own, which its own plan tells
	}
	profile, err := country.Lookup(recovery.Country)
	if err != nil {
		return err
	}
	return plan.Apart(recovery, primary, profile)
}
