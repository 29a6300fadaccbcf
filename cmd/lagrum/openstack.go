package main

import (
	"github.com/spf13/cobra"

	"github.com/lagrum/lagrum/lab/openstack"
)

func openstackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "openstack",
		Short: "A real OpenStack control plane on this machine, for the cloud's stacks",
	}
	cmd.AddCommand(
		openstackVerb("up", "Install what is missing and start every service, on loopback", func(c *cobra.Command, l *openstack.Lab) error {
			return l.Up(c.Context(), c.OutOrStdout())
		}),
		openstackVerb("down", "End every service and remove their state; Debian's packages stay", func(c *cobra.Command, l *openstack.Lab) error {
			return l.Down(c.Context(), c.OutOrStdout())
		}),
		openstackVerb("status", "Show which services live, answer and report", func(c *cobra.Command, l *openstack.Lab) error {
			return l.Status(c.Context(), c.OutOrStdout())
		}),
		openstackVerb("env", `Print how to log in, for a shell: eval "$(lagrum openstack env)"`, func(c *cobra.Command, l *openstack.Lab) error {
			return l.Shell(c.OutOrStdout())
		}),
	)
	return cmd
}

func openstackVerb(use, short string, run func(*cobra.Command, *openstack.Lab) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		l, err := openLab(c)
		if err != nil {
			return err
		}
		cloud, err := openstack.Open(l.Name, l.State)
		if err != nil {
			return err
		}
		return run(c, cloud)
	}}
}
