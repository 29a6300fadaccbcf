package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/lagrum/lagrum/evidence/archive"
)

func archiveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "archive",
		Short: "Prove that an archive of logs is whole",
	}
	cmd.AddCommand(verifyCommand())
	return cmd
}

func verifyCommand() *cobra.Command {
	o := archive.Options{}
	var report, earlier string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Walk an archive, and say whether every object is in its place, unchanged and locked",
		Long: `Reads every version below a prefix: its content against the hash in its name, its place in its node's chain, and its
lock against the floor of the log class. Finds what is missing, altered, put over, marked as deleted, slipped in, or locked
too shortly. Succeeds only if nothing is.

The credential comes from ` + keyIDVariable + ` and ` + keyVariable + `: the verifier's, which can only read. lagrum stores
prints its policy, and each class's bucket and floor. See docs/archive.md.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if o.Credentials, err = credentialsFrom(os.LookupEnv); err != nil {
				return err
			}
			if o.Earlier, err = readReport(earlier); err != nil {
				return err
			}
			found, err := archive.Verify(c.Context(), o)
			if err != nil {
				return err
			}
			if err := errors.Join(found.Write(c.OutOrStdout()), writeReport(report, found)); err != nil {
				return err
			}
			if !found.Whole() {
				return fmt.Errorf("archive %s is not whole", o.Bucket)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&o.Endpoint, "endpoint", "", "address of the store, such as https://s3.example.org")
	cmd.Flags().StringVar(&o.Region, "region", "", "the store's region; often us-east-1 where it has none")
	cmd.Flags().StringVar(&o.Bucket, "bucket", "", "the log class's bucket")
	cmd.Flags().StringVar(&o.Prefix, "prefix", "", "what to look at: a class, a day of it, a node; everything when empty")
	cmd.Flags().IntVar(&o.FloorDays, "floor", 0, "days for which every version has to be locked: the floor of the log class")
	cmd.Flags().IntVar(&o.CeilingDays, "ceiling", 0, "days beyond which no version may be locked; not judged when 0")
	cmd.Flags().DurationVar(&o.Limit, "request-limit", 30*time.Second, "the longest wait for one answer")
	cmd.Flags().StringVar(&report, "json", "", "file to write the report to, as JSON")
	cmd.Flags().StringVar(&earlier, "earlier", "", "an earlier report as JSON: the ends that its chains had then have to be there still")
	return cmd
}

func readReport(path string) (*archive.Report, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("earlier report: %w", err)
	}
	var report archive.Report
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, fmt.Errorf("earlier report %s: %w; give what --json wrote", path, err)
	}
	return &report, nil
}

func writeReport(path string, report archive.Report) error {
	if path == "" {
		return nil
	}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
