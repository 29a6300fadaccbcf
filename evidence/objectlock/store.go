package objectlock

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Answer is what a store said to one request.
type Answer struct {
	// Status of HTTP; 0 when no answer came.
	Status int
	// Code and Message of S3's error, empty when it said yes.
	Code, Message string
	// Err is why no answer came.
	Err error
}

func (a Answer) ok() bool { return a.Err == nil && a.Code == "" }

// unclear is no answer, or one that tells of trouble and not of a decision.
func (a Answer) unclear() bool {
	return a.Err != nil || !a.notOffered() && (a.Status >= 500 || a.Status == http.StatusTooManyRequests || a.Status == http.StatusRequestTimeout)
}

func (a Answer) notOffered() bool {
	return a.Err == nil && (a.Status == http.StatusNotImplemented || a.Code == "NotImplemented")
}

// gone tells that the version asked for does not exist.
func (a Answer) gone() bool {
	return a.Err == nil && (a.Status == http.StatusNotFound || a.Status == http.StatusMethodNotAllowed)
}

func (a Answer) String() string {
	switch {
	case a.Err != nil && isTimeout(a.Err):
		return "no answer in time"
	case a.Err != nil:
		return "no answer: " + a.Err.Error()
	case a.Code != "":
		return fmt.Sprintf("%d %s", a.Status, a.Code)
	default:
		return fmt.Sprint(a.Status)
	}
}

// full is the answer with the store's own words.
func (a Answer) full() string {
	if a.Message == "" {
		return a.String()
	}
	return a.String() + ": " + a.Message
}

// store is a client of one bucket that keeps what was answered, and bounds every request.
type store struct {
	client *minio.Client
	bucket string
	limit  time.Duration
	tape   *tape
}

// open makes a client. It tries once: a second try could hide what the first one did.
func open(o Options) (*store, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil {
		return nil, errors.New("endpoint: is no address")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	recorder := &tape{next: transport}
	client, err := minio.New(u.Host, &minio.Options{
		Creds:      credentials.NewStaticV4(o.Credentials.KeyID.Reveal(), o.Credentials.Key.Reveal(), ""),
		Secure:     u.Scheme == "https",
		Region:     o.Region,
		Transport:  recorder,
		MaxRetries: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", o.Endpoint, err)
	}
	return &store{client: client, bucket: o.Bucket, limit: o.Limit, tape: recorder}, nil
}

// tape remembers the last answer that went by.
type tape struct {
	next http.RoundTripper

	mu     sync.Mutex
	status int
	skew   time.Duration // the store's clock less ours
	body   []byte        // of the last answer about a retention
}

func (t *tape) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	var body []byte
	if request.Method == http.MethodGet && request.URL.Query().Has("retention") {
		rest := response.Body
		if body, err = io.ReadAll(io.LimitReader(rest, 1<<16)); err != nil {
			return nil, errors.Join(err, rest.Close())
		}
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), rest), rest}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status, t.body = response.StatusCode, body
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		t.skew = date.Sub(time.Now().UTC())
	}
	return response, nil
}

func (t *tape) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status = 0
}

func (t *tape) last() (status int, skew time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.status, t.skew
}

func (t *tape) retention() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.body
}

// now is the time by the store's clock, which is what locks end by.
func (s *store) now() time.Time {
	_, skew := s.tape.last()
	return time.Now().UTC().Add(skew)
}

// ask makes one request and keeps its answer.
func (s *store) ask(ctx context.Context, request func(context.Context) error) Answer {
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	s.tape.reset()
	err := request(ctx)
	status, _ := s.tape.last()
	if err == nil {
		return Answer{Status: status}
	}
	var said minio.ErrorResponse
	if errors.As(err, &said) && said.Code != "" && status != 0 {
		return Answer{Status: status, Code: said.Code, Message: said.Message}
	}
	return Answer{Status: status, Err: err}
}

// put makes a version; a zero date leaves its lock to the bucket's default.
func (s *store) put(ctx context.Context, key string, content []byte, mode minio.RetentionMode, until time.Time) (version string, answer Answer) {
	answer = s.ask(ctx, func(ctx context.Context) error {
		// Locked objects want a checksum in a header.
		info, err := s.client.PutObject(ctx, s.bucket, key, bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{
			Mode: mode, RetainUntilDate: until, SendContentMd5: true, DisableMultipart: true, ContentType: "text/plain",
		})
		version = info.VersionID
		return err
	})
	return version, answer
}

func (s *store) get(ctx context.Context, key, version string) (content []byte, answer Answer) {
	answer = s.ask(ctx, func(ctx context.Context) error {
		object, err := s.client.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{VersionID: version})
		if err != nil {
			return err
		}
		defer object.Close()
		content, err = io.ReadAll(io.LimitReader(object, 1<<16))
		return err
	})
	return content, answer
}

func (s *store) retention(ctx context.Context, key, version string) (mode minio.RetentionMode, until time.Time, answer Answer) {
	answer = s.ask(ctx, func(ctx context.Context) error {
		m, u, err := s.client.GetObjectRetention(ctx, s.bucket, key, version)
		if err == nil && m != nil && u != nil {
			mode, until = *m, *u
		}
		return err
	})
	if answer.Err != nil && answer.Status == http.StatusOK {
		// Some stores name the answer's element ObjectLockRetention, as S3's own clients accept and this one does not.
		var said struct {
			Mode            minio.RetentionMode
			RetainUntilDate time.Time
		}
		if err := xml.Unmarshal(s.tape.retention(), &said); err == nil && said.Mode != "" {
			return said.Mode, said.RetainUntilDate, Answer{Status: answer.Status}
		}
	}
	return mode, until, answer
}

// retain sets a version's retention; an empty mode removes it.
func (s *store) retain(ctx context.Context, c *canary, mode minio.RetentionMode, until time.Time, bypass bool) Answer {
	options := minio.PutObjectRetentionOptions{VersionID: c.version, GovernanceBypass: bypass}
	if mode != "" {
		options.Mode, options.RetainUntilDate = &mode, &until
	}
	return s.ask(ctx, func(ctx context.Context) error { return s.client.PutObjectRetention(ctx, s.bucket, c.key, options) })
}

func (s *store) remove(ctx context.Context, key string, options minio.RemoveObjectOptions) Answer {
	return s.ask(ctx, func(ctx context.Context) error { return s.client.RemoveObject(ctx, s.bucket, key, options) })
}

func (s *store) removeBatch(ctx context.Context, key, version string) Answer {
	return s.ask(ctx, func(ctx context.Context) error {
		batch := make(chan minio.ObjectInfo, 1)
		batch <- minio.ObjectInfo{Key: key, VersionID: version}
		close(batch)
		var err error
		for failed := range s.client.RemoveObjects(ctx, s.bucket, batch, minio.RemoveObjectsOptions{GovernanceBypass: true}) {
			err = errors.Join(err, failed.Err)
		}
		return err
	})
}

func (s *store) removeBucket(ctx context.Context, force bool) Answer {
	return s.ask(ctx, func(ctx context.Context) error {
		return s.client.RemoveBucketWithOptions(ctx, s.bucket, minio.RemoveBucketOptions{ForceDelete: force})
	})
}

// lockByDefault sets the bucket's default to one day in a mode; an empty mode removes it.
func (s *store) lockByDefault(ctx context.Context, mode minio.RetentionMode) Answer {
	return s.ask(ctx, func(ctx context.Context) error {
		if mode == "" {
			return s.client.SetObjectLockConfig(ctx, s.bucket, nil, nil, nil)
		}
		days, unit := uint(1), minio.Days
		return s.client.SetObjectLockConfig(ctx, s.bucket, &mode, &days, &unit)
	})
}

// versions lists all versions and delete markers below a prefix, up to the first that is no canary.
func (s *store) versions(ctx context.Context, prefix string) (all []minio.ObjectInfo, answer Answer) {
	answer = s.ask(ctx, func(ctx context.Context) error {
		for object := range s.client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, WithVersions: true}) {
			if object.Err != nil {
				return object.Err
			}
			if all = append(all, object); !strings.HasPrefix(object.Key, canaryPrefix) {
				break // A bucket that holds anything else is not ours, however large it is.
			}
		}
		return nil
	})
	return all, answer
}
