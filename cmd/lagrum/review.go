package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lagrum/lagrum/cmd/lagrum/internal/review"
)

func reviewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "review STACK=PREVIEW.json...",
		Short: "Write the Markdown of a pull request from the previews of its stacks, red flags first",
		Long: `Write the Markdown of a pull request from the previews of its stacks, red flags first, with the requirement that
each flag touches. A preview is the standard output of: pulumi preview --json --show-sames

The exit code is 0 where nothing is flagged, 1 where a preview failed or could not be read (the Markdown then says
which), 2 where something is flagged, 3 where a flag is severe.`,
		Example: "  lagrum review --plans old,new se-prod=se-prod.json se-dr=se-dr.json > review.md",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dirs, err := c.Flags().GetStringSlice("plans")
			if err != nil {
				return err
			}
			inputs, err := reviewInputs(args, dirs)
			if err != nil {
				return err
			}
			report, err := review.New(inputs)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprint(c.OutOrStdout(), report.Markdown()); err != nil {
				return err
			}
			if code := report.Code(); code != review.CodeOrdinary {
				os.Exit(code) // the Markdown said why; another line of text would say it twice
			}
			return nil
		},
	}
	cmd.Flags().StringSlice("plans", nil, "two folders, OLD,NEW, each with a <stack>.plan.json as lagrum plan prints it")
	return cmd
}

// reviewInputs reads the files that the arguments name. All mistakes are reported at once.
func reviewInputs(args, dirs []string) ([]review.Input, error) {
	var problems []error
	if len(dirs) != 0 && len(dirs) != 2 {
		problems = append(problems, fmt.Errorf("--plans: %q is not two folders; write OLD,NEW", strings.Join(dirs, ",")))
	}
	for _, dir := range dirs {
		// A misspelt folder would look like stacks without plans.
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			problems = append(problems, fmt.Errorf("--plans: %q is no folder; make it, and leave it empty where there are no plans", dir))
		}
	}
	seen := map[string]bool{}
	var inputs []review.Input
	for _, arg := range args {
		stack, file, ok := strings.Cut(arg, "=")
		switch {
		case !ok || stack == "" || file == "" || strings.ContainsAny(stack, `/\`):
			problems = append(problems, fmt.Errorf("%q: write STACK=PREVIEW.json, such as se-prod=se-prod.json", arg))
			continue
		case seen[stack]:
			problems = append(problems, fmt.Errorf("%q: stack %s is given twice; give each once", arg, stack))
			continue
		}
		seen[stack] = true
		in := review.Input{Stack: stack, Plans: len(dirs) == 2}
		var err error
		if in.Preview, err = os.ReadFile(file); err != nil {
			problems = append(problems, fmt.Errorf("%q: %w; run: pulumi preview --json --show-sames --stack %s > %s", arg, err, stack, file))
		}
		if in.Plans {
			for i, into := range []*[]byte{&in.OldPlan, &in.NewPlan} {
				if *into, err = readIfThere(filepath.Join(dirs[i], stack+".plan.json")); err != nil {
					problems = append(problems, err)
				}
			}
		}
		inputs = append(inputs, in)
	}
	return inputs, errors.Join(problems...)
}

// readIfThere reads a file; one that does not exist is empty: a new stack has no old plan, a refused one no new one.
func readIfThere(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}
