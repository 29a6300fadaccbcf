package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/lagrum/lagrum/providers/objectstore/rights"
)

func storesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stores FILE",
		Short: "Print the users that a stack's object stores need before its first update, and the policy of each",
		Long: `Decides a stack's plan from its Pulumi.<stack>.yaml, and prints in Markdown, for each store at an S3 endpoint that the
site names: the bucket, its users, the policy that each must have, and the keys of the configuration that hold their
logins. On AWS the program makes all of these.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := decide(c, args[0])
			if err != nil {
				return err
			}
			page, err := rights.Page(p)
			if err != nil {
				return err
			}
			_, err = io.WriteString(c.OutOrStdout(), page)
			return err
		},
	}
}
