package rights

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lagrum/lagrum/stacks/plan"
)

// Page shows in Markdown what the stores of a plan at endpoints need before the first update: buckets that the program
// will make, users with their policies, and the configuration that holds their keys. On AWS the program makes the users.
func Page(p plan.Plan) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n", p.Name)
	if len(p.Stores) == 0 {
		b.WriteString("\nThe site names no place for a store.\n")
	}
	administered := map[string]bool{}
	for _, store := range p.Stores {
		if store.Place.AWS() {
			fmt.Fprintf(&b, "\n### %s\n\nBucket `%s` on AWS, region %s: the program makes its users and keys.\n", store.Name, store.Bucket, store.Place.Region)
			continue
		}
		if store.Of == "" && !administered[store.Place.Name] {
			administered[store.Place.Name] = true
			id, secret := store.Place.AdministratorSecrets()
			fmt.Fprintf(&b, "\n### Administrator at %s\n\nMakes the buckets and owns them. Keys: `lagrum:%s`, `lagrum:%s`.\n", store.Place.Endpoint, id, secret)
		}
		if err := section(&b, store); err != nil {
			return "", fmt.Errorf("%s: %w", store.Name, err)
		}
	}
	return b.String(), nil
}

func section(b *strings.Builder, store plan.Store) error {
	fmt.Fprintf(b, "\n### %s\n\nBucket `%s` at %s", store.Name, store.Bucket, store.Place.Endpoint)
	switch {
	case store.Of != "":
		fmt.Fprintf(b, ", made by stack %s.\n", store.Of)
	case store.ExpireDays > 0:
		fmt.Fprintf(b, ": locked for %d days, ends after %d.\n", store.FloorDays, store.CeilingDays)
	default:
		fmt.Fprintf(b, ": locked for %d days, ends where its writer marks it.\n", store.FloorDays)
	}
	for _, c := range store.Consumers {
		id, secret := store.ConsumerSecrets(c.Name)
		text, err := ForConsumer(store, c).JSON()
		if err != nil {
			return err
		}
		var laidOut bytes.Buffer
		if err := json.Indent(&laidOut, []byte(text), "", "  "); err != nil {
			return err
		}
		fmt.Fprintf(b, "\nUser `%s-%s`, keys `lagrum:%s` and `lagrum:%s`, with this policy and no other:\n\n```json\n%s\n```\n",
			store.Bucket, c.Name, id, secret, laidOut.String())
	}
	return nil
}
