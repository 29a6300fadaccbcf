package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/lagrum/lagrum/cmd/lagrum/internal/bom"
	"github.com/lagrum/lagrum/cmd/lagrum/internal/registry"
	"github.com/lagrum/lagrum/components/images"
	"github.com/lagrum/lagrum/components/images/declared"
	"github.com/lagrum/lagrum/components/images/lock"
)

func imagesCommand() *cobra.Command {
	var o imagesOptions
	cmd := &cobra.Command{
		Use:   "images",
		Short: "List the images that the declared stacks pull: version, licence, use, and the digest where it is known",
		Long: `List the images that the declared stacks pull: version, licence, use, and the digest where ` + lock.Name + ` has it.
A laboratory makes its own images, and so is left out.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			set, err := o.open(c)
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "IMAGE\tVERSION\tLICENCE\tUSE\tSTACKS\tDIGEST")
			for _, image := range set.Images {
				digest := set.held[image.Name()].Digest
				if digest == "" {
					digest = "unresolved"
				}
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", image.Upstream, image.Tag, image.Licence, image.Use, strings.Join(set.Stacks[image.Name()], " "), digest)
			}
			return table.Flush()
		},
	}
	cmd.PersistentFlags().StringVarP(&o.stack, "stack", "s", "", "one declared stack (default: all of them)")
	cmd.AddCommand(resolveCommand(&o), sbomCommand(&o))
	return cmd
}

func resolveCommand(o *imagesOptions) *cobra.Command {
	r := registry.Request{}
	cmd := &cobra.Command{
		Use:   "resolve",
		Short: "Ask the registries what the images' tags stand for, and write it into " + lock.Name,
		Long: `Ask the registries what the images' tags stand for, and write it into ` + lock.Name + `, beside Pulumi.yaml.

What cannot be asked stays as it was, and is told with its cause. A tag that stands for something else than the file says
is an error that names both, and the file keeps the old digest until --accept-moved. An interrupted run writes nothing.
Where all stacks are asked for, rows of images that none pulls any more are taken out.

Logins are those of docker on this machine. The exit code is 0 where every image was answered for, else 1.`,
		Example: `  lagrum images resolve
  lagrum images resolve --registry registry.example.org/mirror --stack se-prod`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			set, err := o.open(c)
			if err != nil {
				return err
			}
			r.Images, r.At, r.Progress = images.Names(set.Images), time.Now(), c.OutOrStdout()
			now, problems, err := registry.Resolve(c.Context(), set.held, r)
			if err != nil {
				return fmt.Errorf("%s was not written: %w", lock.Name, err)
			}
			if o.stack == "" {
				now = now.Only(r.Images)
			}
			if err := now.Save(set.project); err != nil {
				return err
			}
			var errs []error
			for _, p := range problems {
				state := "keeps its digest"
				if now[p.Image].Unresolved {
					state = "stays unresolved"
				}
				errs = append(errs, fmt.Errorf("%s %s: %w", p.Image, state, p.Err))
			}
			if len(errs) > 0 {
				return fmt.Errorf("%d of %d images were not answered for:\n%w", len(errs), len(r.Images), errors.Join(errs...))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&r.Registry, "registry", "", "a mirror to ask in the makers' place, such as registry.example.org/mirror")
	cmd.Flags().BoolVar(&r.AcceptMoved, "accept-moved", false, "take over the digests of tags that have moved; first find out why")
	cmd.Flags().DurationVar(&r.Limit, "limit", 30*time.Second, "the longest time for one image")
	return cmd
}

func sbomCommand(o *imagesOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "sbom",
		Short: "Print the software bill of materials of the images that are deployed, as CycloneDX 1.6 in JSON",
		Long: `Print the software bill of materials of the images that a stack deploys, or that all declared stacks do, as CycloneDX
1.6 in JSON: the same bytes for the same images. An image without a digest says that it is unresolved. What is inside of
an image, its makers' own bills say; what the nodes' image holds, lagrum image writes beside it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			set, err := o.open(c)
			if err != nil {
				return err
			}
			subject := o.stack
			if subject == "" {
				subject = "declared stacks"
			}
			return bom.Write(c.OutOrStdout(), subject, set.Images, set.held)
		},
	}
}

type imagesOptions struct{ stack string }

// imageSet is what stacks pull, and what is known of it.
type imageSet struct {
	declared.Set
	project string
	held    lock.Lock
}

// open reads what the declared stacks pull, and the lock file.
func (o *imagesOptions) open(c *cobra.Command) (*imageSet, error) {
	from, err := c.Flags().GetString("directory")
	if err != nil {
		return nil, err
	}
	set := &imageSet{}
	if set.project, err = projectAt(from); err != nil {
		return nil, err
	}
	if set.held, err = lock.Load(set.project); err != nil {
		return nil, err
	}
	set.Set, err = declared.Read(set.project, o.stack, time.Now().UTC())
	return set, err
}

// projectAt is the folder of Pulumi.yaml at or above another.
func projectAt(from string) (string, error) {
	dir, err := filepath.Abs(from)
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "Pulumi.yaml")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", fmt.Errorf("%s: no Pulumi.yaml here or above; run from a checkout of Lagrum", from)
		}
		dir = filepath.Dir(dir)
	}
}
