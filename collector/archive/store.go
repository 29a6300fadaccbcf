package archive

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// slack is how much longer than the floor an object is locked: a store counts from when it has the last byte, by its own
// clock. Stores refuse requests whose clock is further off than a quarter of an hour.
const slack = time.Hour

// store is a bucket at an S3 endpoint.
type store struct {
	config    Config
	transport *http.Transport
}

func newBucket(c Config) bucket {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	return &store{config: c, transport: transport}
}

// client reads the credential anew. It tries once: the exporter's own tries have no end, and each is told of.
func (s *store) client() (*minio.Client, error) {
	id, err := credential(s.config.KeyIDFile)
	if err != nil {
		return nil, err
	}
	key, err := credential(s.config.KeyFile)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(s.config.Endpoint)
	if err != nil {
		return nil, errors.New("endpoint: is no address")
	}
	return minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(id, key, ""), Secure: u.Scheme == "https", Region: s.config.Region, Transport: s.transport, MaxRetries: 1,
	})
}

func credential(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("credential: %w", err)
	}
	value := strings.TrimSpace(string(text))
	if value == "" {
		return "", fmt.Errorf("credential: %s is empty", file)
	}
	return value, nil
}

// put makes the object and reads its lock back. Where one of its name is there already, an earlier request made it: its
// name holds the hash of its content, and nothing is put over it.
func (s *store) put(ctx context.Context, o object) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	floor := time.Duration(s.config.FloorDays) * 24 * time.Hour
	until := time.Now().UTC().Add(floor + slack).Truncate(time.Second)
	options := minio.PutObjectOptions{
		Mode: minio.Compliance, RetainUntilDate: until, ContentType: "application/gzip",
		SendContentMd5:   true, // the store refuses what arrives changed, and a lock without a checksum
		DisableMultipart: true,
	}
	options.SetMatchETagExcept("*")
	put, cancel := context.WithTimeout(ctx, s.config.RequestLimit)
	made, err := client.PutObject(put, s.config.Bucket, o.Key, bytes.NewReader(o.content), int64(len(o.content)), options)
	cancel()
	var said minio.ErrorResponse
	switch {
	case err == nil:
	case errors.As(err, &said) && said.StatusCode == http.StatusPreconditionFailed:
		until = o.Written.Add(floor).Truncate(time.Second) // it was put then, or later
	default:
		return fmt.Errorf("put: %w", explain(err))
	}
	read, cancel := context.WithTimeout(ctx, s.config.RequestLimit)
	defer cancel()
	mode, locked, err := client.GetObjectRetention(read, s.config.Bucket, o.Key, made.VersionID)
	if err != nil {
		return fmt.Errorf("read the lock back: %w", explain(err))
	}
	return judge(mode, locked, until)
}

// judge decides whether a lock is what was asked for.
func judge(mode *minio.RetentionMode, locked *time.Time, until time.Time) error {
	switch {
	case mode == nil || locked == nil:
		return errors.New("it has no lock; this store or bucket is no archive, see lagrum preflight object-lock")
	case *mode != minio.Compliance:
		return fmt.Errorf("it is locked in mode %s, which an administrator can lift; this store is no archive", *mode)
	case locked.Before(until):
		return fmt.Errorf("it is locked until %s, and should be until %s; this store is no archive", locked.UTC().Format(time.RFC3339), until.Format(time.RFC3339))
	}
	return nil
}

// explain tells what a store said in its words, and what to do where it is known. Of the credential it holds nothing.
func explain(err error) error {
	var said minio.ErrorResponse
	if !errors.As(err, &said) || said.Code == "" {
		return err
	}
	remedy := ""
	switch said.Code {
	case "InvalidAccessKeyId", "SignatureDoesNotMatch":
		remedy = "; give the collector this store's credential"
	case "AccessDenied":
		remedy = "; give the user the policy that lagrum stores prints"
	case "NoSuchBucket":
		remedy = "; the stack makes the bucket, lagrum stores prints its name"
	case "InvalidRequest", "InvalidBucketObjectLockConfiguration":
		remedy = "; has the bucket object lock?"
	case "RequestTimeTooSkewed":
		remedy = "; set the node's clock by the site's time source"
	}
	return fmt.Errorf("the store answers %d %s (%s)%s", said.StatusCode, said.Code, said.Message, remedy)
}
