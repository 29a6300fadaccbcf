package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/lagrum/lagrum/evidence/benchmark"
	"github.com/lagrum/lagrum/lab"
)

func labCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "The offline laboratory: a real cluster on this machine",
	}
	cmd.AddCommand(
		labUp(),
		labVerb("down", "Remove every trace of the lab but the cache", func(c *cobra.Command, l *lab.Lab) error {
			return l.Down(c.Context(), c.OutOrStdout())
		}),
		labVerb("status", "Show machines, cluster and what is not provable here", func(c *cobra.Command, l *lab.Lab) error {
			return l.Status(c.Context(), c.OutOrStdout())
		}),
		labVerb("env", `Print the lab's environment for a shell: eval "$(lagrum lab env)"`, func(c *cobra.Command, l *lab.Lab) error {
			return l.Shell(c.OutOrStdout())
		}),
		labVerb("kubeconfig", "Print the path of the administrator's kubeconfig, fetched anew from the stack", func(c *cobra.Command, l *lab.Lab) error {
			return l.Kubeconfig(c.Context(), c.OutOrStdout())
		}),
		labVerb("build", "Build programs, images and the root file system into the cache, and nothing else", func(c *cobra.Command, l *lab.Lab) error {
			return l.Build(c.Context(), c.OutOrStdout())
		}),
		labVerb("prepare", "Like up, but stop before the stack: a shell of the lab then works, and nothing exists yet", func(c *cobra.Command, l *lab.Lab) error {
			return l.Prepare(c.Context(), c.OutOrStdout())
		}),
		labVerb("virtual", "Make virtual machines possible (sizes such as vm-2c2g): the node image, and a key server for their disks", func(c *cobra.Command, l *lab.Lab) error {
			return l.Virtual(c.Context(), c.OutOrStdout())
		}),
		labBenchmark(),
		labLogs(),
	)
	return cmd
}

// imageCommand makes the node image. It needs no lab to be up, only the lab's recipes and cache.
func imageCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "image",
		Short: "Build the image that nodes boot from, as raw disk and qcow2, with the hashes of what it holds (docs/node-image.md)",
		Args:  cobra.NoArgs,
	}
	out := cmd.Flags().String("out", "bin/image", "folder for the image")
	cmd.RunE = func(c *cobra.Command, _ []string) error {
		l, err := openLab(c)
		if err != nil {
			return err
		}
		return l.Image(c.Context(), c.OutOrStdout(), *out)
	}
	return cmd
}

func labVerb(use, short string, run func(*cobra.Command, *lab.Lab) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		l, err := openLab(c)
		if err != nil {
			return err
		}
		return run(c, l)
	}}
}

// labUp brings the lab up, and with --check has its nodes checked.
func labUp() *cobra.Command {
	var check bool
	cmd := labVerb("up", "Build what is missing and bring the stack up", func(c *cobra.Command, l *lab.Lab) error {
		if err := l.Up(c.Context(), c.OutOrStdout()); err != nil || !check {
			return err
		}
		err := checkNodes(c, l, "")
		if errors.Is(err, lab.ErrNotProvable) {
			_, err = fmt.Fprintf(c.OutOrStdout(), "\nThe nodes were not checked: %v\n", err)
		}
		return err
	})
	cmd.Flags().BoolVar(&check, "check", false, "check the nodes against the CIS benchmark in the end, as lagrum lab benchmark does")
	return cmd
}

func labBenchmark() *cobra.Command {
	var file string
	cmd := labVerb("benchmark", "Check every node against the CIS benchmark by kube-bench, and judge the result by the table of proofs and waivers", func(c *cobra.Command, l *lab.Lab) error {
		return checkNodes(c, l, file)
	})
	cmd.Flags().StringVar(&file, "json", "", "file for the whole verdict, every check on every node, as JSON")
	return cmd
}

// checkNodes has kube-bench check every node, and prints and keeps the verdict.
func checkNodes(c *cobra.Command, l *lab.Lab, file string) error {
	reports, err := l.Benchmark(c.Context(), benchmark.Name)
	if err != nil {
		return err
	}
	var nodes []benchmark.Node
	for _, name := range slices.Sorted(maps.Keys(reports)) {
		node, err := benchmark.Parse(name, reports[name])
		if err != nil {
			return err
		}
		nodes = append(nodes, node)
	}
	verdict := benchmark.Judge(time.Now(), nodes, benchmark.Table())
	if file != "" {
		text, err := json.MarshalIndent(verdict, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if err := verdict.Summary(c.OutOrStdout()); err != nil {
		return err
	}
	if n := len(verdict.Problems); n > 0 {
		return fmt.Errorf("the benchmark leaves %d problems open", n)
	}
	return nil
}

func labLogs() *cobra.Command {
	return &cobra.Command{
		Use: "logs NODE", Short: "Print a machine's console: its boot from the first line", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := openLab(c)
			if err != nil {
				return err
			}
			return l.Logs(c.OutOrStdout(), args[0])
		},
	}
}

func openLab(c *cobra.Command) (*lab.Lab, error) {
	dir, err := c.Flags().GetString("directory")
	if err != nil {
		return nil, err
	}
	return lab.Open(dir)
}
