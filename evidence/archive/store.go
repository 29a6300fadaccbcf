package archive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// version is one version of an object, or a delete marker.
type version struct {
	key, id string
	marker  bool
	written time.Time
	size    int64
}

// lock is how a version is locked; its mode is empty where it is not.
type lock struct {
	mode  string
	until time.Time
}

// settings are what a bucket does by itself.
type settings struct {
	versioned bool
	mode      string // of the lock that a version gets by default
	days      int
}

// store is what is asked of a bucket.
type store interface {
	settings(context.Context) (settings, error)
	// versions hands over every version below the prefix, newest first within a key.
	versions(ctx context.Context, prefix string, each func(version) error) error
	read(ctx context.Context, key, id string) ([]byte, error)
	lock(ctx context.Context, key, id string) (lock, error)
}

// bucket is one at an S3 endpoint.
type bucket struct {
	client *minio.Client
	name   string
	limit  time.Duration
}

func open(o Options) (*bucket, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil {
		return nil, errors.New("endpoint: is no address")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	client, err := minio.New(u.Host, &minio.Options{
		Creds:     credentials.NewStaticV4(o.Credentials.KeyID.Reveal(), o.Credentials.Key.Reveal(), ""),
		Secure:    u.Scheme == "https",
		Region:    o.Region,
		Transport: transport,
	})
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", o.Endpoint, err)
	}
	return &bucket{client: client, name: o.Bucket, limit: o.Limit}, nil
}

func (b *bucket) settings(ctx context.Context) (settings, error) {
	ctx, cancel := context.WithTimeout(ctx, b.limit)
	defer cancel()
	var found settings
	versioning, err := b.client.GetBucketVersioning(ctx, b.name)
	if err != nil {
		return found, fmt.Errorf("read whether versions are kept: %w", explain(err))
	}
	found.versioned = versioning.Enabled()
	_, mode, validity, unit, err := b.client.GetObjectLockConfig(ctx, b.name)
	if err != nil {
		if minio.ToErrorResponse(err).Code == "ObjectLockConfigurationNotFoundError" {
			return found, nil
		}
		return found, fmt.Errorf("read the lock that versions get by default: %w", explain(err))
	}
	if mode != nil && validity != nil && unit != nil {
		found.mode, found.days = string(*mode), int(*validity)
		if *unit == minio.Years {
			found.days *= 365
		}
	}
	return found, nil
}

func (b *bucket) versions(ctx context.Context, prefix string, each func(version) error) error {
	ctx, cancel := context.WithCancel(ctx) // ends the listing where it is left early
	defer cancel()
	for o := range b.client.ListObjects(ctx, b.name, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			return fmt.Errorf("list versions: %w", explain(o.Err))
		}
		if err := each(version{key: o.Key, id: o.VersionID, marker: o.IsDeleteMarker, written: o.LastModified, size: o.Size}); err != nil {
			return err
		}
	}
	return nil
}

func (b *bucket) read(ctx context.Context, key, id string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, b.limit)
	defer cancel()
	o, err := b.client.GetObject(ctx, b.name, key, minio.GetObjectOptions{VersionID: id})
	if err != nil {
		return nil, explain(err)
	}
	defer o.Close()
	content, err := io.ReadAll(o)
	if err != nil {
		return nil, explain(err)
	}
	return content, nil
}

func (b *bucket) lock(ctx context.Context, key, id string) (lock, error) {
	ctx, cancel := context.WithTimeout(ctx, b.limit)
	defer cancel()
	mode, until, err := b.client.GetObjectRetention(ctx, b.name, key, id)
	if err != nil {
		if minio.ToErrorResponse(err).Code == "NoSuchObjectLockConfiguration" {
			return lock{}, nil
		}
		return lock{}, explain(err)
	}
	if mode == nil || until == nil {
		return lock{}, nil
	}
	return lock{mode: string(*mode), until: *until}, nil
}

// explain tells what a store said in its own words, and what to do where it is known.
func explain(err error) error {
	said := minio.ToErrorResponse(err)
	switch said.Code {
	case "":
		return err
	case "InvalidAccessKeyId", "SignatureDoesNotMatch":
		return fmt.Errorf("the credential is wrong (%s); give the verifier's of this store", said.Code)
	case "AccessDenied":
		return fmt.Errorf("the credential may not (%s); give the verifier's, whose policy lagrum stores prints", said.Code)
	case "NoSuchBucket":
		return fmt.Errorf("there is no such bucket (%s); lagrum stores prints its name", said.Code)
	}
	return fmt.Errorf("%d %s: %s", said.StatusCode, said.Code, said.Message)
}
