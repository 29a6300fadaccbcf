package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/lagrum/lagrum/evidence/objectlock"
	"github.com/lagrum/lagrum/stacks/site"
)

func preflightCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "preflight",
		Short: "Attack what a site would rely on, before it does",
	}
	cmd.AddCommand(objectLockCommand(), stateCommand())
	return cmd
}

// The variables that every S3 client reads.
const (
	keyIDVariable = "AWS_ACCESS_KEY_ID"
	keyVariable   = "AWS_SECRET_ACCESS_KEY"
)

func objectLockCommand() *cobra.Command {
	o := objectlock.Options{}
	cmd := &cobra.Command{
		Use:   "object-lock",
		Short: "Attack canary objects under compliance lock, and say whether the store is an archive",
		Long: `Makes a canary bucket with object lock if it is missing, puts small objects under compliance lock for a day, and
tries to delete, hide, shorten and expire them. Succeeds only if no attack weakened a lock.

The credential comes from ` + keyIDVariable + ` and ` + keyVariable + `. Give the strongest that exists for the
store, its root's or an administrator's: what a weak one is refused shows nothing. See docs/preflight.md.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if o.Credentials, err = credentialsFrom(os.LookupEnv); err != nil {
				return err
			}
			report, err := objectlock.Run(c.Context(), o)
			if len(report.Findings) > 0 {
				if err := report.Write(c.OutOrStdout()); err != nil {
					return err
				}
			}
			if err != nil {
				return err
			}
			if !report.Judge().Archive {
				return fmt.Errorf("%s is not an archive", o.Endpoint)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&o.Endpoint, "endpoint", "", "address of the store, such as https://s3.example.org")
	cmd.Flags().StringVar(&o.Region, "region", "", "the store's region; often us-east-1 where it has none")
	cmd.Flags().StringVar(&o.Bucket, "canary-bucket", "lagrum-canary", "bucket that is attacked; ends in -canary, and is never the archive")
	cmd.Flags().DurationVar(&o.Limit, "request-limit", 30*time.Second, "the longest wait for one answer")
	return cmd
}

// credentialsFrom reads the credential from the environment: on the command line every user of the machine would see it.
func credentialsFrom(lookup func(string) (string, bool)) (objectlock.Credentials, error) {
	var errs []error
	secret := func(variable string) site.Secret {
		value, _ := lookup(variable)
		if value == "" {
			errs = append(errs, fmt.Errorf("%s: not set; export it, or read it from a file into the environment", variable))
		}
		return site.NewSecret(value)
	}
	found := objectlock.Credentials{KeyID: secret(keyIDVariable), Key: secret(keyVariable)}
	return found, errors.Join(errs...)
}
