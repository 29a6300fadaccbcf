package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"github.com/lagrum/lagrum/evidence/statebackend"
	"github.com/lagrum/lagrum/lab"
	"github.com/lagrum/lagrum/stacks/plan"
	"github.com/lagrum/lagrum/stacks/site"
)

func stateCommand() *cobra.Command {
	var told statebackend.Facts
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Judge where a stack's state lies: it holds the keys of the cluster",
		Long: `Judge where a stack's state lies, by the law of its site: the backend's place, account and way there, what encrypts
its secrets, locking, and on an S3 store its versions, encryption, public access and object lock, as the store itself
answers. It reads settings and writes nothing.

The backend is the one that pulumi would use: PULUMI_BACKEND_URL, the project's, or the one logged in to. A store of S3's
kind is asked with ` + keyIDVariable + `, ` + keyVariable + ` and, where there is one, ` + tokenVariable + `.

The exit code is 0 where everything holds, 1 where the check could not be made, 2 where something is warned about or could
not be shown, 3 where something is refused. See docs/state.md.`,
		Example: "  lagrum preflight state --stack se-prod --country se --another-account",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			stack, err := openStack(c)
			if err != nil {
				return err
			}
			findings, err := preflightState(c.Context(), stack.Dir, stack.Name, told, os.LookupEnv)
			if err != nil {
				return err
			}
			if err := statebackend.Write(c.OutOrStdout(), stack.Name, findings); err != nil {
				return err
			}
			if code := statebackend.Code(findings); code != 0 {
				os.Exit(code) // the findings said why
			}
			return nil
		},
	}
	stackFlag(cmd)
	cmd.Flags().StringVar(&told.Country, "country", "", "country in which the store stands, where its address does not say (ISO 3166-1, as se)")
	cmd.Flags().BoolVar(&told.Apart, "another-account", false, "the store is of another account than the cluster's, where that cannot be asked")
	return cmd
}

const tokenVariable = "AWS_SESSION_TOKEN"

// preflightState gathers what is known of where the stack's state lies, and judges it. What the site's law says comes first:
// a site that has no plan has no law to judge by.
func preflightState(
	ctx context.Context, dir, stack string, told statebackend.Facts, lookup func(string) (string, bool),
) ([]statebackend.Finding, error) {
	file := filepath.Join(dir, "Pulumi."+stack+".yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("stack %s: %w; name the stack with --stack", stack, err)
	}
	p, _, planned := plan.OfStack(text, time.Now().UTC())
	if planned != nil {
		planned = fmt.Errorf("%s:\n%w", file, planned)
	}
	backend, reached := backendOf(ctx, dir, lookup)
	if err := errors.Join(planned, reached); err != nil {
		return nil, err
	}
	facts := told
	facts.Backend = backend
	if facts.Secrets, err = statebackend.ReadSecrets(text, backend.Kind, lab.Passphrase); err != nil {
		return nil, err
	}
	disabled, _ := lookup("PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS")
	facts.NoBackups = disabled == "1" || strings.EqualFold(disabled, "true")
	if backend.Kind == statebackend.S3 {
		facts.Store, facts.Trouble = askStore(ctx, backend, &p, lookup)
	}
	return statebackend.Judge(facts, p), nil
}

// askStore asks the store; where it cannot be asked it says why.
func askStore(
	ctx context.Context, backend statebackend.Backend, p *plan.Plan, lookup func(string) (string, bool),
) (*statebackend.Store, string) {
	if backend.Clear && !backend.Local() {
		return nil, "was not asked: without TLS anybody between could answer for it"
	}
	found, err := credentialsFrom(lookup)
	if err != nil {
		return nil, "was not asked: " + strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	token, _ := lookup(tokenVariable)
	account := ""
	if p.Cloud.AWS != nil {
		account = p.Cloud.AWS.Account
	}
	if backend.Region == "" && backend.OnAWS() {
		for _, variable := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
			if region, set := lookup(variable); set && backend.Region == "" {
				backend.Region = region
			}
		}
	}
	store, err := statebackend.Ask(ctx, backend, statebackend.Credentials{KeyID: found.KeyID, Key: found.Key, Token: site.NewSecret(token)}, account)
	if err != nil {
		return nil, "could not be asked: " + err.Error()
	}
	return store, ""
}

// backendOf finds the backend as pulumi does: by the environment, by the project, by the login.
func backendOf(ctx context.Context, dir string, lookup func(string) (string, bool)) (statebackend.Backend, error) {
	if address, _ := lookup("PULUMI_BACKEND_URL"); address != "" {
		return statebackend.Parse(address)
	}
	text, err := os.ReadFile(filepath.Join(dir, "Pulumi.yaml"))
	if err != nil {
		return statebackend.Backend{}, fmt.Errorf("project: %w", err)
	}
	var project struct {
		Backend struct {
			URL string `yaml:"url"`
		} `yaml:"backend"`
	}
	if err := yaml.Unmarshal(text, &project); err != nil {
		return statebackend.Backend{}, fmt.Errorf("project: Pulumi.yaml: %w", err)
	}
	if project.Backend.URL != "" {
		return statebackend.Parse(project.Backend.URL)
	}
	cmd := exec.CommandContext(ctx, "pulumi", "whoami", "--json", "--non-interactive")
	cmd.Dir = dir
	said, err := cmd.Output()
	if err != nil { // its standard error may quote an address with a credential
		return statebackend.Backend{}, fmt.Errorf("backend: pulumi whoami: %w; export PULUMI_BACKEND_URL, or run: pulumi login", err)
	}
	var who struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(said, &who); err != nil {
		return statebackend.Backend{}, fmt.Errorf("backend: pulumi whoami --json: %w", err)
	}
	return statebackend.Parse(who.URL)
}
