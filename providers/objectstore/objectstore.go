// Package objectstore makes the buckets under object lock that a plan decides, through the S3 resources of pulumi-aws: on
// AWS itself with its own users and key, or on any S3 endpoint that a site names. docs/providers/objectstore.md says what
// each needs before the first update.
//
// It belongs to no cloud: where a store lies is the plan's to say, and OpenStack has none of its own. Who may do what
// stands in package rights.
package objectstore

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/construct"
	"github.com/lagrum/lagrum/providers"
	"github.com/lagrum/lagrum/stacks/plan"
)

type stores struct {
	pulumi.ResourceState
}

// New makes the stores of a plan, each with one login for each of its consumers. At an endpoint those are secrets of the
// configuration, and all that are missing are reported at once.
func New(
	ctx *pulumi.Context, name string, p *plan.Plan, secrets providers.Secrets, opts ...pulumi.ResourceOption,
) (map[string]*providers.ObjectStore, error) {
	if len(p.Stores) == 0 {
		return nil, nil
	}
	logins, err := given(p, secrets)
	if err != nil {
		return nil, err
	}
	made := map[string]*providers.ObjectStore{}
	err = construct.Component(ctx, "lagrum:objectstore:Stores", name, &stores{}, pulumi.Map{}, opts,
		func(parent pulumi.ResourceOption) (pulumi.Map, error) {
			places := map[string]*place{}
			for _, store := range p.Stores {
				at, known := places[store.Place.Name]
				if !known {
					if at, err = newPlace(ctx, p, store.Place, logins, parent); err != nil {
						return nil, fmt.Errorf("place %s: %w", store.Place.Name, err)
					}
					places[store.Place.Name] = at
				}
				if made[store.Name], err = newStore(ctx, p, store, at, logins, parent); err != nil {
					return nil, fmt.Errorf("store %s: %w", store.Name, err)
				}
			}
			return pulumi.Map{}, nil
		})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// login is a key that the configuration gives.
type login struct{ id, secret pulumi.StringOutput }

// given reads the logins of every endpoint from the configuration: the administrator's and each consumer's.
func given(p *plan.Plan, secrets providers.Secrets) (map[string]login, error) {
	logins := map[string]login{}
	var errs []error
	read := func(id, secret string) {
		if _, known := logins[id]; known {
			return
		}
		first, noID := secrets(id)
		second, noSecret := secrets(secret)
		logins[id] = login{}
		if err := errors.Join(noID, noSecret); err != nil {
			errs = append(errs, err)
			return
		}
		logins[id] = login{id: pulumi.ToSecret(first).(pulumi.StringOutput), secret: pulumi.ToSecret(second).(pulumi.StringOutput)}
	}
	for _, store := range p.Stores {
		if store.Place.AWS() {
			continue
		}
		if store.Of == "" { // where another stack made the bucket, nothing is administered
			read(store.Place.AdministratorSecrets())
		}
		for _, c := range store.Consumers {
			read(store.ConsumerSecrets(c.Name))
		}
	}
	return logins, errors.Join(errs...)
}

// newStore makes a bucket, or takes one that another stack made, and the logins for it.
func newStore(
	ctx *pulumi.Context, p *plan.Plan, store plan.Store, at *place, logins map[string]login, parent pulumi.ResourceOption,
) (*providers.ObjectStore, error) {
	made := &providers.ObjectStore{
		Endpoint: pulumi.String(endpoint(store.Place)).ToStringOutput(), Region: store.Place.Region,
		Bucket: pulumi.String(store.Bucket).ToStringOutput(), Credentials: map[string]providers.Credential{},
	}
	child := p.Name + "-" + store.Name
	if store.Of == "" {
		ready, err := newBucket(ctx, child, p, store, at, parent)
		if err != nil {
			return nil, err
		}
		made.Bucket = ready
	}
	for _, c := range store.Consumers {
		if !store.Place.AWS() {
			id, _ := store.ConsumerSecrets(c.Name)
			made.Credentials[c.Name] = providers.Credential{KeyID: logins[id].id, Secret: logins[id].secret}
			continue
		}
		credential, err := newUser(ctx, child+"-"+c.Name, p, store, c, parent, at.options...)
		if err != nil {
			return nil, fmt.Errorf("consumer %s: %w", c.Name, err)
		}
		made.Credentials[c.Name] = credential
	}
	return made, nil
}

// endpoint is where a consumer sends its requests.
func endpoint(at plan.Place) string {
	if at.AWS() {
		return "https://s3." + at.Region + ".amazonaws.com"
	}
	return at.Endpoint
}

// place is a login that makes buckets, and the key that they are encrypted with.
type place struct {
	options []pulumi.ResourceOption // the place's provider
	key     pulumi.StringOutput     // ARN; none at an endpoint
}

func newPlace(ctx *pulumi.Context, p *plan.Plan, at plan.Place, logins map[string]login, parent pulumi.ResourceOption) (*place, error) {
	if !at.AWS() {
		id, _ := at.AdministratorSecrets()
		administrator, administered := logins[id]
		if !administered {
			return &place{}, nil // nothing is made there
		}
		provider, err := aws.NewProvider(ctx, providerName(p, at), atEndpoint(p, at, administrator), parent)
		if err != nil {
			return nil, fmt.Errorf("provider: %w", err)
		}
		return &place{options: []pulumi.ResourceOption{pulumi.Provider(provider)}}, nil
	}
	provider, err := aws.NewProvider(ctx, providerName(p, at), &aws.ProviderArgs{
		Region: pulumi.String(at.Region),
		// Another account than the cluster's may own the buckets. Whoever is not let into it builds nothing elsewhere.
		AllowedAccountIds:       pulumi.StringArray{pulumi.String(at.Account)},
		SkipRequestingAccountId: pulumi.Bool(false),
		AssumeRole:              aws.ProviderAssumeRoleArgs{RoleArn: pulumi.String(at.Administrator), SessionName: pulumi.String("lagrum-" + p.Name)},
		DefaultTags:             aws.ProviderDefaultTagsArgs{Tags: pulumi.ToStringMap(providers.AWSTags(p))},
	}, parent)
	if err != nil {
		return nil, fmt.Errorf("provider: %w", err)
	}
	made := &place{options: []pulumi.ResourceOption{pulumi.Provider(provider)}}
	if !slices.ContainsFunc(p.Stores, func(s plan.Store) bool { return s.Place == at && s.Of == "" }) {
		return made, nil
	}
	made.key, err = newKey(ctx, p.Name+"-"+at.Name+"-key", p, at, parent, made.options...)
	return made, err
}

func providerName(p *plan.Plan, at plan.Place) string { return p.Name + "-s3-" + at.Name }

// atEndpoint is the provider for a store that is not AWS's. Such a store answers none of the questions that the provider
// asks of AWS by itself (who is logged in, which account, which regions exist), and most have no name in DNS for each
// bucket.
func atEndpoint(p *plan.Plan, at plan.Place, administrator login) *aws.ProviderArgs {
	return &aws.ProviderArgs{
		Region:                    pulumi.String(at.Region),
		AccessKey:                 administrator.id,
		SecretKey:                 administrator.secret,
		Endpoints:                 aws.ProviderEndpointArray{aws.ProviderEndpointArgs{S3: pulumi.String(at.Endpoint)}},
		S3UsePathStyle:            pulumi.Bool(true),
		SkipCredentialsValidation: pulumi.Bool(true),
		SkipMetadataApiCheck:      pulumi.Bool(true),
		SkipRegionValidation:      pulumi.Bool(true),
		SkipRequestingAccountId:   pulumi.Bool(true),
		DefaultTags:               aws.ProviderDefaultTagsArgs{Tags: pulumi.ToStringMap(providers.AWSTags(p))},
	}
}

// served are the tags with the requirements that resources of the type serve on AWS.
func served(p *plan.Plan, kind string) pulumi.StringMap {
	return providers.ServedOnAWS(p, Controls(), kind)
}
