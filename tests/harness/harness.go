// Package harness runs a Pulumi program, or a part of one, against a mock engine and records all that it asked for.
//
// The mock refuses what the engine and our own rules refuse: two resources of one URN, a resource of a default
// provider, a secret in clear. It does so in every test, so that no test has to remember to look. It stands in for the
// SDK's own mocks because those see neither the outputs of components nor the exports of a stack, and fail on a secret
// that is unknown in a preview. It shows what the program asks for; it cannot show that a cloud or an API server
// accepts it.
package harness

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Project is the project name of every run; Stack the stack name when Options name none.
const (
	Project = "lagrum"
	Stack   = "dev"
)

// Options of a run.
type Options struct {
	// Stack defaults to dev.
	Stack string
	// Preview runs as `pulumi preview` of a stack that does not exist yet: whatever only a provider can know is
	// unknown, and applies on it do not run.
	Preview bool
	// Config and Secrets hold configuration by full key (lagrum:site). The value of a secret is a sentinel: it must
	// not show up outside a secret.
	Config, Secrets map[string]string
}

// Run records program and fails the test if the program fails or breaks one of the recorder's rules.
func Run(t testing.TB, program func(*pulumi.Context) error, options Options) *Recording {
	t.Helper()
	recording, err := Record(program, options)
	if err != nil {
		t.Fatalf("the program failed, or broke a rule of the recorder:\n%v", err)
	}
	return recording
}

// Record runs program and returns what it asked for. The error joins the program's own with every broken rule: a URN
// that two resources share, an invoke or read of something that the program did not make, a custom resource without
// an explicit provider, a secret in clear in an input, an output or an export.
func Record(program func(*pulumi.Context) error, options Options) (*Recording, error) {
	if options.Stack == "" {
		options.Stack = Stack
	}
	m, address, stop, err := serve(options)
	if err != nil {
		return nil, fmt.Errorf("mock engine: %w", err)
	}
	defer stop()
	err = pulumi.RunErr(program, func(info *pulumi.RunInfo) {
		info.Project, info.Stack, info.DryRun = Project, options.Stack, options.Preview
		info.MonitorAddr, info.EngineAddr = address, address
		info.Config = maps.Clone(options.Config)
		if info.Config == nil {
			info.Config = map[string]string{}
		}
		for key, value := range options.Secrets {
			info.Config[key] = value
			info.ConfigSecretKeys = append(info.ConfigSecretKeys, key)
		}
	})
	recording := m.recording()
	return recording, errors.Join(append([]error{err}, m.broken(recording)...)...)
}

// Providers declares one explicit provider for each package and returns the option that hands them to a component. It
// is for tests of single components; a whole stack declares its own.
func Providers(ctx *pulumi.Context, packages ...string) (pulumi.ResourceOption, error) {
	var all []pulumi.ProviderResource
	for _, pkg := range packages {
		made := &provider{}
		if err := ctx.RegisterResource("pulumi:providers:"+pkg, pkg, nil, made); err != nil {
			return nil, fmt.Errorf("provider %s: %w", pkg, err)
		}
		all = append(all, made)
	}
	return pulumi.Providers(all...), nil
}

// provider stands for any package's provider, without importing its SDK.
type provider struct{ pulumi.ProviderResourceState }

// Dig goes down a path of keys in what a resource was given; nil where there is none.
func Dig(value any, path ...string) any {
	for _, key := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[key]
	}
	return value
}
