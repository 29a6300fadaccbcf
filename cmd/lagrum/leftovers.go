package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lagrum/lagrum/cmd/lagrum/internal/doctor"
	"github.com/lagrum/lagrum/cmd/lagrum/internal/leftovers"
	"github.com/lagrum/lagrum/cmd/lagrum/internal/leftovers/openstack"
	"github.com/lagrum/lagrum/cmd/lagrum/internal/pulumicli"
	"github.com/lagrum/lagrum/stacks/site"
)

// codeFound is the doctor's exit code where something is left that is not as an update leaves it.
const codeFound = 2

// search is the look at a stack's cloud.
type search struct {
	stack    pulumicli.Stack
	declared site.Site
	cloud    leftovers.Cloud
}

// openSearch logs in to the stack's cloud. It is nil where there is none to look into: a lab, or a cloud that has no
// search yet, for which out gets the command by which a person looks.
func openSearch(ctx context.Context, stack pulumicli.Stack, out io.Writer) (*search, error) {
	text, err := stack.Run(ctx, "config", "get", "lagrum:site")
	if err != nil {
		return nil, err
	}
	declared, _, err := site.Load(text)
	if err != nil {
		return nil, fmt.Errorf("the site of stack %s has mistakes:\n%w", stack.Name, err)
	}
	if aws := declared.Cloud.AWS; aws != nil {
		fmt.Fprintf(out, "stack %s: nothing looks into AWS by itself yet; what stands there: aws resourcegroupstaggingapi get-resources"+
			" --region %s --tag-filters Key=lagrum.dev/stack,Values=%s; docs/providers/aws.md says how to read it\n", stack.Name, declared.Cloud.Region(), declared.Stack())
	}
	if declared.Cloud.OpenStack == nil {
		return nil, nil
	}
	login := openstack.Login{
		AuthURL: declared.Cloud.OpenStack.AuthURL.String(), Region: declared.Cloud.Region(), Project: declared.Cloud.OpenStack.Project.String(),
	}
	// One that is not set leaves the login to the environment.
	for key, into := range map[string]*string{"openstackCredentialID": &login.CredentialID, "openstackCredentialSecret": &login.CredentialSecret} {
		if value, err := stack.Run(ctx, "config", "get", "lagrum:"+key); err == nil {
			*into = strings.TrimSpace(string(value))
		}
	}
	cloud, err := openstack.New(ctx, login)
	if err != nil {
		return nil, err
	}
	return &search{stack: stack, declared: declared, cloud: cloud}, nil
}

// judge reads the state and then the cloud, so that what an update makes meanwhile is young.
func (s *search) judge(ctx context.Context, alone bool) ([]leftovers.Finding, error) {
	subject := leftovers.Stack{
		Name: s.declared.Stack(), Cluster: s.declared.Cluster.Name.String(), Serious: s.declared.Environment.Serious(),
		Alone: alone, Types: openstack.Types, Now: time.Now(),
	}
	for _, pool := range s.declared.NodePools {
		subject.Pools = append(subject.Pools, pool.Name.String())
	}
	resources, err := s.stack.Resources(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range resources {
		if strings.HasPrefix(r.Type, "openstack:") {
			subject.Resources = append(subject.Resources, leftovers.Resource{URN: r.URN, Type: r.Type, ID: r.ID, Protected: r.Protect})
		}
	}
	things, err := s.cloud.List(ctx)
	if err != nil {
		return nil, err
	}
	return leftovers.Judge(subject, things), nil
}

// look reports what is left, removes what may go where that is asked for, and ends with codeFound if anything stays.
func (s *search) look(c *cobra.Command, alone, removes bool) error {
	found, err := s.judge(c.Context(), alone)
	if err != nil {
		return err
	}
	if err := leftovers.Report(c.OutOrStdout(), s.stack.Name, found); err != nil {
		return err
	}
	if removes {
		if found, err = leftovers.Remove(c.Context(), s.cloud, c.OutOrStdout(), found); err != nil {
			return err
		}
	}
	if len(found) > 0 {
		os.Exit(codeFound) // the report said what
	}
	return nil
}

// cloudFinder answers for pending creates in a cloud that is searched afterwards: whatever they made is found there.
type cloudFinder struct{}

func (cloudFinder) Handles(t string) bool { return strings.HasPrefix(t, "openstack:") }

func (cloudFinder) Find(context.Context, doctor.Pending) (doctor.Finding, error) {
	return doctor.Finding{Verdict: doctor.Clear, Why: "if the cloud made anything of it, it is told below as outside the state"}, nil
}
