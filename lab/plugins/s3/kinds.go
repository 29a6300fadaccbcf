package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/minio/minio-go/v7/pkg/sse"
	"github.com/minio/minio-go/v7/pkg/tags"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/lagrum/lagrum/lab/plugins/standin"
)

// setting is one resource's inputs, and how a server is told.
type setting interface {
	bucket() string
	put(ctx context.Context, store *minio.Client, p *provider, fresh bool) error
}

// kind is one type of resource.
type kind struct {
	replaceOn []resource.PropertyKey
	decode    func(resource.PropertyMap) (setting, error)
	// read gives the inputs as the server has them; nil where there is nothing.
	read func(ctx context.Context, store *minio.Client, bucket string, inputs resource.PropertyMap) (resource.PropertyMap, error)
}

func kinds() map[string]kind {
	part := []resource.PropertyKey{"bucket"}
	return map[string]kind{
		"aws:s3/bucketV2:BucketV2":                                                                   {[]resource.PropertyKey{"bucket", "objectLockEnabled"}, decode[bucketInputs], readBucket},
		"aws:s3/bucketVersioningV2:BucketVersioningV2":                                               {part, decode[versionsInputs], readVersions},
		"aws:s3/bucketObjectLockConfigurationV2:BucketObjectLockConfigurationV2":                     {part, decode[lockInputs], readLock},
		"aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2": {part, decode[encryptionInputs], readEncryption},
		"aws:s3/bucketPolicy:BucketPolicy":                                                           {part, decode[policyInputs], readPolicy},
	}
}

func decode[T setting](properties resource.PropertyMap) (setting, error) {
	var in T
	err := standin.Decode(properties, &in)
	return in, err
}

// properties turns inputs back into what the engine keeps.
func properties(in any) (resource.PropertyMap, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	var plain map[string]any
	if err := json.Unmarshal(text, &plain); err != nil {
		return nil, err
	}
	return resource.NewPropertyMapFromMap(plain), nil
}

// absent is what servers answer where a bucket has no such setting.
func absent(err error, codes ...string) bool {
	return slices.Contains(append(codes, minio.NoSuchBucket), minio.ToErrorResponse(err).Code)
}

type bucketInputs struct {
	Bucket            string      `json:"bucket"`
	ObjectLockEnabled bool        `json:"objectLockEnabled"`
	ForceDestroy      bool        `json:"forceDestroy"`
	LifecycleRules    []ruleInput `json:"lifecycleRules,omitempty"`
}

type ruleInput struct {
	ID          string            `json:"id"`
	Enabled     bool              `json:"enabled"`
	Expirations []expirationInput `json:"expirations,omitempty"`
	Noncurrent  []noncurrentInput `json:"noncurrentVersionExpirations,omitempty"`
	AbortDays   int               `json:"abortIncompleteMultipartUploadDays,omitempty"`
}

type expirationInput struct {
	Days    int  `json:"days,omitempty"`
	Markers bool `json:"expiredObjectDeleteMarker,omitempty"`
}

type noncurrentInput struct {
	Days int `json:"days"`
}

func (in bucketInputs) bucket() string { return in.Bucket }

func (in bucketInputs) put(ctx context.Context, store *minio.Client, p *provider, fresh bool) error {
	if in.ForceDestroy {
		return errors.New("forceDestroy: a bucket that sweeps away what is in it is not built here")
	}
	if fresh {
		if err := store.MakeBucket(ctx, in.Bucket, minio.MakeBucketOptions{Region: p.region, ObjectLocking: in.ObjectLockEnabled}); err != nil {
			return err
		}
	}
	if len(p.tags) > 0 {
		all, err := tags.NewTags(p.tags, false)
		if err != nil {
			return fmt.Errorf("tags: %w", err)
		}
		if err := store.SetBucketTagging(ctx, in.Bucket, all); err != nil {
			return fmt.Errorf("tags: %w", err)
		}
	}
	var rules []lifecycle.Rule
	for _, r := range in.LifecycleRules {
		rule := lifecycle.Rule{ID: r.ID, Status: "Disabled"}
		if r.Enabled {
			rule.Status = "Enabled"
		}
		for _, e := range r.Expirations {
			rule.Expiration = lifecycle.Expiration{Days: lifecycle.ExpirationDays(e.Days), DeleteMarker: lifecycle.ExpireDeleteMarker(e.Markers)}
		}
		for _, n := range r.Noncurrent {
			rule.NoncurrentVersionExpiration.NoncurrentDays = lifecycle.ExpirationDays(n.Days)
		}
		rule.AbortIncompleteMultipartUpload.DaysAfterInitiation = lifecycle.ExpirationDays(r.AbortDays)
		rules = append(rules, rule)
	}
	if err := store.SetBucketLifecycle(ctx, in.Bucket, &lifecycle.Configuration{Rules: rules}); err != nil {
		return fmt.Errorf("lifecycle: %w", err)
	}
	return nil
}

func readBucket(ctx context.Context, store *minio.Client, bucket string, _ resource.PropertyMap) (resource.PropertyMap, error) {
	there, err := store.BucketExists(ctx, bucket)
	if err != nil || !there {
		return nil, err
	}
	found := bucketInputs{Bucket: bucket}
	switch state, _, _, _, err := store.GetObjectLockConfig(ctx, bucket); {
	case err == nil:
		found.ObjectLockEnabled = state == "Enabled"
	case !absent(err, "ObjectLockConfigurationNotFoundError"):
		return nil, fmt.Errorf("lock: %w", err)
	}
	config, err := store.GetBucketLifecycle(ctx, bucket)
	if absent(err, "NoSuchLifecycleConfiguration") {
		return properties(found)
	}
	if err != nil {
		return nil, fmt.Errorf("lifecycle: %w", err)
	}
	for _, r := range config.Rules {
		rule := ruleInput{ID: r.ID, Enabled: r.Status == "Enabled", AbortDays: int(r.AbortIncompleteMultipartUpload.DaysAfterInitiation)}
		if e := r.Expiration; e.Days > 0 || bool(e.DeleteMarker) {
			rule.Expirations = []expirationInput{{Days: int(e.Days), Markers: bool(e.DeleteMarker)}}
		}
		if n := r.NoncurrentVersionExpiration; n.NoncurrentDays > 0 {
			rule.Noncurrent = []noncurrentInput{{Days: int(n.NoncurrentDays)}}
		}
		found.LifecycleRules = append(found.LifecycleRules, rule)
	}
	return properties(found)
}

type versionsInputs struct {
	Bucket        string `json:"bucket"`
	Configuration struct {
		Status string `json:"status"`
	} `json:"versioningConfiguration"`
}

func (in versionsInputs) bucket() string { return in.Bucket }

func (in versionsInputs) put(ctx context.Context, store *minio.Client, _ *provider, _ bool) error {
	return store.SetBucketVersioning(ctx, in.Bucket, minio.BucketVersioningConfiguration{Status: in.Configuration.Status})
}

func readVersions(ctx context.Context, store *minio.Client, bucket string, _ resource.PropertyMap) (resource.PropertyMap, error) {
	config, err := store.GetBucketVersioning(ctx, bucket)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := versionsInputs{Bucket: bucket}
	found.Configuration.Status = config.Status
	return properties(found)
}

type lockInputs struct {
	Bucket            string `json:"bucket"`
	ObjectLockEnabled string `json:"objectLockEnabled"`
	Rule              struct {
		DefaultRetention struct {
			Mode string `json:"mode"`
			Days uint   `json:"days"`
		} `json:"defaultRetention"`
	} `json:"rule"`
}

func (in lockInputs) bucket() string { return in.Bucket }

func (in lockInputs) put(ctx context.Context, store *minio.Client, _ *provider, _ bool) error {
	mode, unit := minio.RetentionMode(in.Rule.DefaultRetention.Mode), minio.Days
	return store.SetObjectLockConfig(ctx, in.Bucket, &mode, &in.Rule.DefaultRetention.Days, &unit)
}

func readLock(ctx context.Context, store *minio.Client, bucket string, _ resource.PropertyMap) (resource.PropertyMap, error) {
	state, mode, validity, unit, err := store.GetObjectLockConfig(ctx, bucket)
	if absent(err, "ObjectLockConfigurationNotFoundError") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := lockInputs{Bucket: bucket, ObjectLockEnabled: state}
	if mode != nil && validity != nil && unit != nil && *unit == minio.Days {
		found.Rule.DefaultRetention.Mode, found.Rule.DefaultRetention.Days = string(*mode), *validity
	}
	return properties(found)
}

type encryptionInputs struct {
	Bucket string `json:"bucket"`
	Rules  []struct {
		Default struct {
			Algorithm string `json:"sseAlgorithm"`
		} `json:"applyServerSideEncryptionByDefault"`
	} `json:"rules"`
}

func (in encryptionInputs) bucket() string { return in.Bucket }

func (in encryptionInputs) put(ctx context.Context, store *minio.Client, _ *provider, _ bool) error {
	if len(in.Rules) != 1 || in.Rules[0].Default.Algorithm != "AES256" {
		return errors.New("rules: want one, with AES256")
	}
	return store.SetBucketEncryption(ctx, in.Bucket, sse.NewConfigurationSSES3())
}

func readEncryption(ctx context.Context, store *minio.Client, bucket string, _ resource.PropertyMap) (resource.PropertyMap, error) {
	config, err := store.GetBucketEncryption(ctx, bucket)
	if absent(err, "ServerSideEncryptionConfigurationNotFoundError") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := encryptionInputs{Bucket: bucket}
	for _, r := range config.Rules {
		found.Rules = append(found.Rules, struct {
			Default struct {
				Algorithm string `json:"sseAlgorithm"`
			} `json:"applyServerSideEncryptionByDefault"`
		}{})
		found.Rules[len(found.Rules)-1].Default.Algorithm = r.Apply.SSEAlgorithm
	}
	return properties(found)
}

type policyInputs struct {
	Bucket string `json:"bucket"`
	Policy string `json:"policy"`
}

func (in policyInputs) bucket() string { return in.Bucket }

func (in policyInputs) put(ctx context.Context, store *minio.Client, _ *provider, _ bool) error {
	return store.SetBucketPolicy(ctx, in.Bucket, in.Policy)
}

// readPolicy keeps the text that the program wrote where the server's says the same: servers sort and fold.
func readPolicy(ctx context.Context, store *minio.Client, bucket string, inputs resource.PropertyMap) (resource.PropertyMap, error) {
	text, err := store.GetBucketPolicy(ctx, bucket)
	if absent(err, "NoSuchBucketPolicy") || err == nil && text == "" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if was := standin.Plain(inputs)["policy"]; was.IsString() && reflect.DeepEqual(normal(was.StringValue()), normal(text)) {
		text = was.StringValue()
	}
	return properties(policyInputs{Bucket: bucket, Policy: text})
}

// normal is a policy without what a server may say in another order or form: lists are sorted, and one thing is a list.
func normal(text string) any {
	var parsed any
	if json.Unmarshal([]byte(text), &parsed) != nil {
		return text
	}
	return fold(parsed)
}

func fold(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if key == "Principal" && inner == "*" {
				inner = map[string]any{"AWS": "*"}
			}
			v[key] = fold(inner)
		}
		return v
	case []any:
		for i, inner := range v {
			if _, text := inner.(string); !text {
				v[i] = fold(inner)
			}
		}
		slices.SortFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		return v
	case string:
		return []any{v}
	}
	return value
}
