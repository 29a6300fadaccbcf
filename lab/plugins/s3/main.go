// S3 is the lab's stand-in for the AWS plugin, for buckets at an S3 endpoint and nothing else: five of pulumi-aws's resource
// types, with the inputs that buckets under object lock need, against a real server. Any other type, input or setting of
// the provider is refused, so that nothing is taken and not done. It is not the official plugin: that one's waits, defaults
// and checks are its own, and a stack is never shared between the two.
//
// Read answers with what the server has, so that a refresh shows drift. Link it as pulumi-resource-aws.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/lagrum/lagrum/lab/plugins/standin"
)

// version is the one of the SDK in go.mod.
const version = "6.83.0"

func main() {
	if err := standin.Serve(os.Args[1:], &provider{Base: standin.NewBase("aws", version)}); err != nil {
		fmt.Fprintln(os.Stderr, "s3:", err)
		os.Exit(1)
	}
}

type provider struct {
	standin.Base

	mu     sync.Mutex
	store  *minio.Client
	region string
	tags   map[string]string
}

// settings of the provider that the stand-in knows. The engine hands over each that is no text as JSON.
type settings struct {
	AccessKey                 string              `json:"accessKey"`
	SecretKey                 string              `json:"secretKey"`
	Region                    string              `json:"region"`
	Endpoints                 []map[string]string `json:"endpoints"`
	DefaultTags               struct{ Tags map[string]string }
	S3UsePathStyle            bool
	SkipCredentialsValidation bool
	SkipMetadataAPICheck      bool `json:"skipMetadataApiCheck"`
	SkipRegionValidation      bool
	SkipRequestingAccountID   bool `json:"skipRequestingAccountId"`
	Version                   string
}

// Configure opens a client of the one endpoint.
func (p *provider) Configure(_ context.Context, req plugin.ConfigureRequest) (plugin.ConfigureResponse, error) {
	inputs := resource.PropertyMap{}
	for key, value := range standin.Plain(req.Inputs) {
		if text := value; text.IsString() {
			var any any
			if json.Unmarshal([]byte(text.StringValue()), &any) == nil && !isText(any) {
				value = resource.NewPropertyValue(any)
			}
		}
		inputs[key] = value
	}
	if inputs.ContainsUnknowns() {
		return plugin.ConfigureResponse{}, nil
	}
	var s settings
	if err := standin.Decode(inputs, &s); err != nil {
		return plugin.ConfigureResponse{}, fmt.Errorf("settings of the stand-in for aws: %w", err)
	}
	if len(s.Endpoints) != 1 || len(s.Endpoints[0]) != 1 || s.Endpoints[0]["s3"] == "" || !s.S3UsePathStyle {
		return plugin.ConfigureResponse{}, fmt.Errorf("settings of the stand-in for aws: want one endpoint, of s3, with s3UsePathStyle; AWS itself needs the official plugin")
	}
	u, err := url.Parse(s.Endpoints[0]["s3"])
	if err != nil {
		return plugin.ConfigureResponse{}, fmt.Errorf("settings of the stand-in for aws: endpoint: %w", err)
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Secure: u.Scheme == "https", Region: s.Region, BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		return plugin.ConfigureResponse{}, fmt.Errorf("settings of the stand-in for aws: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.store, p.region, p.tags = client, s.Region, s.DefaultTags.Tags
	return plugin.ConfigureResponse{}, nil
}

// isText tells a value that was a text after all, or a number, such as a key that consists of digits.
func isText(value any) bool {
	switch value.(type) {
	case string, float64:
		return true
	}
	return false
}

func (p *provider) open() (*minio.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.store == nil {
		return nil, fmt.Errorf("the stand-in for aws has no endpoint yet")
	}
	return p.store, nil
}

func (p *provider) kind(urn resource.URN) (kind, error) {
	k, known := kinds()[string(urn.Type())]
	if !known {
		return kind{}, fmt.Errorf("%s: the stand-in for aws makes buckets at S3 endpoints and nothing else; %s needs the official plugin", urn, urn.Type())
	}
	return k, nil
}

// Check refuses a type or an input that the stand-in would not carry out.
func (p *provider) Check(_ context.Context, req plugin.CheckRequest) (plugin.CheckResponse, error) {
	k, err := p.kind(req.URN)
	if err != nil {
		return plugin.CheckResponse{}, err
	}
	if !req.News.ContainsUnknowns() {
		if _, err := k.decode(req.News); err != nil {
			return plugin.CheckResponse{Failures: []plugin.CheckFailure{{Reason: err.Error()}}}, nil
		}
	}
	return plugin.CheckResponse{Properties: req.News}, nil
}

// Diff replaces where S3 can change nothing.
func (p *provider) Diff(_ context.Context, req plugin.DiffRequest) (plugin.DiffResponse, error) {
	k, err := p.kind(req.URN)
	if err != nil {
		return plugin.DiffResponse{}, err
	}
	if err := p.CheckMark(req.URN, req.OldOutputs); err != nil {
		return plugin.DiffResponse{}, err
	}
	return standin.Diff(req.OldInputs, req.NewInputs, k.replaceOn...), nil
}

// Create makes or sets.
func (p *provider) Create(ctx context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error) {
	if req.Preview {
		return plugin.CreateResponse{Properties: req.Properties, Status: resource.StatusOK}, nil
	}
	id, err := p.put(ctx, req.URN, req.Properties, true)
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	return plugin.CreateResponse{ID: id, Properties: p.Mark(req.Properties), Status: resource.StatusOK}, nil
}

// Update sets again.
func (p *provider) Update(ctx context.Context, req plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	if req.Preview {
		return plugin.UpdateResponse{Properties: req.NewInputs, Status: resource.StatusOK}, nil
	}
	if err := p.CheckMark(req.URN, req.OldOutputs); err != nil {
		return plugin.UpdateResponse{}, err
	}
	_, err := p.put(ctx, req.URN, req.NewInputs, false)
	return plugin.UpdateResponse{Properties: p.Mark(req.NewInputs), Status: resource.StatusOK}, err
}

func (p *provider) put(ctx context.Context, urn resource.URN, properties resource.PropertyMap, fresh bool) (resource.ID, error) {
	k, err := p.kind(urn)
	if err != nil {
		return "", err
	}
	store, err := p.open()
	if err != nil {
		return "", err
	}
	in, err := k.decode(properties)
	if err != nil {
		return "", fmt.Errorf("%s: %w", urn, err)
	}
	if err := in.put(ctx, store, p, fresh); err != nil {
		return "", fmt.Errorf("%s: %w", urn, err)
	}
	return resource.ID(in.bucket()), nil
}

// Read answers with what the server has now.
func (p *provider) Read(ctx context.Context, req plugin.ReadRequest) (plugin.ReadResponse, error) {
	k, err := p.kind(req.URN)
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	if err := p.CheckMark(req.URN, req.State); err != nil {
		return plugin.ReadResponse{}, err
	}
	store, err := p.open()
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	found, err := k.read(ctx, store, string(req.ID), req.Inputs)
	if err != nil {
		return plugin.ReadResponse{}, fmt.Errorf("%s: %w", req.URN, err)
	}
	if found == nil {
		return plugin.ReadResponse{Status: resource.StatusOK}, nil
	}
	return plugin.ReadResponse{
		ReadResult: plugin.ReadResult{ID: req.ID, Inputs: found, Outputs: p.Mark(found)}, Status: resource.StatusOK,
	}, nil
}

// Delete removes a bucket that is empty. What belongs to a bucket goes with it.
func (p *provider) Delete(ctx context.Context, req plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	if err := p.CheckMark(req.URN, req.Outputs); err != nil {
		return plugin.DeleteResponse{}, err
	}
	if !strings.HasSuffix(string(req.URN.Type()), ":BucketV2") {
		return plugin.DeleteResponse{Status: resource.StatusOK}, nil
	}
	store, err := p.open()
	if err != nil {
		return plugin.DeleteResponse{}, err
	}
	if err := store.RemoveBucket(ctx, string(req.ID)); err != nil && minio.ToErrorResponse(err).Code != minio.NoSuchBucket {
		return plugin.DeleteResponse{}, fmt.Errorf("%s: %w", req.URN, err)
	}
	return plugin.DeleteResponse{Status: resource.StatusOK}, nil
}
