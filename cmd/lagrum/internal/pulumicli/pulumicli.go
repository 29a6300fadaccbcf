// Package pulumicli runs the official pulumi command for one stack. Everything that the companion command does to a
// stack goes through it, so that a person could do the same by hand.
package pulumicli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Stack is a stack of the project in Dir.
type Stack struct {
	Dir  string
	Name string
	// Progress shows what commands print, except those whose output is data.
	Progress io.Writer
}

// Run runs a command whose output is data, such as stack export.
func (s Stack) Run(ctx context.Context, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	err := s.run(ctx, &stdout, &stderr, args)
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, stderr.String())
	}
	return stdout.Bytes(), nil
}

// Show runs a command whose output is for people.
func (s Stack) Show(ctx context.Context, args ...string) error {
	return s.run(ctx, s.Progress, s.Progress, args)
}

func (s Stack) run(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	cmd := exec.CommandContext(ctx, "pulumi", append(args, "--stack", s.Name)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.Dir, stdout, stderr
	// An interrupted CLI finishes the step at hand and gives its lock back; a second interrupt makes it drop both. Of a
	// terminal's Ctrl-C it must therefore hear through us alone: it gets a process group of its own.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("pulumi %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// Resource of an exported stack.
type Resource struct {
	URN     string `json:"urn"`
	Type    string `json:"type"`
	ID      string `json:"id"`
	Protect bool   `json:"protect"`
}

// Resources reads the resources of the stack's state.
func (s Stack) Resources(ctx context.Context) ([]Resource, error) {
	exported, err := s.Run(ctx, "stack", "export")
	if err != nil {
		return nil, err
	}
	var state struct {
		Deployment struct {
			Resources []Resource `json:"resources"`
		} `json:"deployment"`
	}
	if err := json.Unmarshal(exported, &state); err != nil {
		return nil, fmt.Errorf("stack %s: exported state: %w", s.Name, err)
	}
	return state.Deployment.Resources, nil
}

// Kubeconfig reads the administrator's kubeconfig out of the stack's Kubernetes provider. The stack's output would be
// simpler, but a stack has no outputs before its first update ended. It is a secret: it must not be printed.
func (s Stack) Kubeconfig(ctx context.Context) (string, error) {
	exported, err := s.Run(ctx, "stack", "export", "--show-secrets")
	if err != nil {
		return "", err
	}
	config, err := providerKubeconfig(exported)
	if err != nil {
		return "", fmt.Errorf("stack %s: %w", s.Name, err)
	}
	return config, nil
}

// providerKubeconfig finds the kubeconfig in a state exported with its secrets.
func providerKubeconfig(exported []byte) (string, error) {
	var state struct {
		Deployment struct {
			Resources []struct {
				Type   string                     `json:"type"`
				Inputs map[string]json.RawMessage `json:"inputs"`
			} `json:"resources"`
		} `json:"deployment"`
	}
	if err := json.Unmarshal(exported, &state); err != nil {
		return "", fmt.Errorf("exported state: %w", err)
	}
	for _, r := range state.Deployment.Resources {
		if r.Type != "pulumi:providers:kubernetes" {
			continue
		}
		var config string
		if json.Unmarshal(r.Inputs["kubeconfig"], &config) == nil {
			return config, nil
		}
		// A secret is an object whose plaintext is the value's own JSON.
		var secret struct {
			Plaintext string `json:"plaintext"`
		}
		if err := json.Unmarshal(r.Inputs["kubeconfig"], &secret); err != nil {
			return "", fmt.Errorf("the Kubernetes provider's kubeconfig: %w", err)
		}
		if err := json.Unmarshal([]byte(secret.Plaintext), &config); err != nil {
			return "", fmt.Errorf("the Kubernetes provider's kubeconfig: %w", err)
		}
		return config, nil
	}
	return "", errors.New("its state holds no Kubernetes provider yet")
}
