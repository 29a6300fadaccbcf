package statebackend

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"

	"github.com/lagrum/lagrum/stacks/site"
)

// Credentials of somebody who may read the settings of the bucket. All are of a type that nothing prints.
type Credentials struct {
	KeyID, Key, Token site.Secret
}

// State of an answer.
type State string

// The states.
const (
	Told       State = "told"
	Absent     State = "absent"      // the store says that nothing is set
	NotOffered State = "not offered" // the store does not know the question
	Unclear    State = "unclear"     // no answer, or one that says nothing of the matter
)

// Word is what the store said to one question.
type Word struct {
	State State
	// Value is what is set: Enabled, aws:kms, COMPLIANCE.
	Value string
	// Said is the answer as a person would quote it.
	Said string
}

// Store is what an S3 store says of the bucket.
type Store struct {
	Region     Word
	Versioning Word
	Encryption Word
	// PublicBlock is told with the value "all" where every public access is blocked.
	PublicBlock Word
	// Stranger is told with the value "open" or "closed": what somebody without credentials was answered.
	Stranger Word
	Lock     Word // the mode of the bucket's default; empty where a lock is there and no default
	// Mine is told with the value "yes" where the bucket belongs to the account that was asked about.
	Mine Word
}

// answer is what came back.
type answer struct {
	status int
	code   string
	region string
	body   []byte
	err    error
}

func (a answer) said() string {
	switch {
	case a.err != nil:
		return "no answer"
	case a.code != "":
		return fmt.Sprintf("%d %s", a.status, a.code)
	default:
		return fmt.Sprint(a.status)
	}
}

// client asks one bucket.
type client struct {
	backend     Backend
	credentials Credentials
	// base is the store's address in a region.
	base   func(region string) string
	region string
	http   *http.Client
}

// requestLimit bounds each question.
const requestLimit = 30 * time.Second

// awsRegion signs the first question where no region is known; the answer names the right one.
const awsRegion = "us-east-1"

// Ask reads the settings of the bucket, and looks as a stranger. Account is that of the cluster at AWS; empty where there is
// none. An error means that the bucket could not be reached at all.
func Ask(ctx context.Context, b Backend, c Credentials, account string) (*Store, error) {
	return newClient(b, c).ask(ctx, account)
}

func newClient(b Backend, c Credentials) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	made := &client{backend: b, credentials: c, region: b.Region, http: &http.Client{
		Transport: transport, Timeout: requestLimit,
		// A redirect leads to where nobody said that the state lies.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	made.base = func(region string) string {
		if b.OnAWS() {
			return "https://s3." + region + ".amazonaws.com"
		}
		return b.Endpoint
	}
	if made.region == "" {
		made.region = awsRegion
	}
	return made
}

func (c *client) ask(ctx context.Context, account string) (*Store, error) {
	reached := c.do(ctx, http.MethodHead, "", true, nil)
	if reached.region != "" && reached.region != c.region { // the store knows better where it stands
		c.region = reached.region
		reached = c.do(ctx, http.MethodHead, "", true, nil)
	}
	if reached.err != nil {
		return nil, fmt.Errorf("bucket %s: %w", c.backend.Where, reached.err)
	}
	if reached.status != http.StatusOK {
		return nil, fmt.Errorf("bucket %s: the store answers %d; see that the credential may read the bucket and its settings", c.backend.Where, reached.status)
	}
	s := &Store{Region: Word{State: Absent, Said: "names none"}}
	if reached.region != "" {
		s.Region = Word{State: Told, Value: reached.region, Said: reached.region}
	}
	s.Versioning = c.versioning(ctx)
	s.Encryption = c.encryption(ctx)
	s.PublicBlock = c.publicBlock(ctx)
	s.Lock = c.lock(ctx)
	s.Stranger = c.stranger(ctx)
	s.Mine = c.mine(ctx, account)
	return s, nil
}

// do asks one question: query is the setting's name, and key an object's below the bucket.
func (c *client) do(ctx context.Context, method, query string, signed bool, header http.Header, key ...string) answer {
	address := c.base(c.region) + "/" + url.PathEscape(c.backend.Bucket) + "/" + strings.Join(key, "/")
	if query != "" {
		address += "?" + query
	}
	request, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return answer{err: errors.New("its address cannot be asked")}
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("X-Amz-Content-Sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855") // of nothing
	if signed {
		request = signer.SignV4(*request, c.credentials.KeyID.Reveal(), c.credentials.Key.Reveal(), c.credentials.Token.Reveal(), c.region)
	}
	response, err := c.http.Do(request)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err // the address stands in the message already
		}
		return answer{err: err}
	}
	defer response.Body.Close()
	a := answer{status: response.StatusCode, region: response.Header.Get("X-Amz-Bucket-Region")}
	if a.body, a.err = io.ReadAll(io.LimitReader(response.Body, 1<<20)); a.err != nil {
		return a
	}
	if a.status >= http.StatusMultipleChoices {
		var failed struct{ Code string }
		_ = xml.Unmarshal(a.body, &failed) // some stores answer without a body
		a.code = failed.Code
	}
	return a
}

// word asks for a setting. The named codes mean that it is not set.
func (c *client) word(ctx context.Context, setting string, read func([]byte) (string, error), absent ...string) Word {
	a := c.do(ctx, http.MethodGet, setting+"=", true, nil)
	w := Word{State: Unclear, Said: a.said()}
	switch {
	case a.err != nil:
	case a.status == http.StatusNotImplemented || a.code == "NotImplemented" || a.code == "MethodNotAllowed":
		w.State = NotOffered
	case a.status == http.StatusOK:
		value, err := read(a.body)
		if err != nil {
			w.Said = "an answer that cannot be read"
			return w
		}
		w.State, w.Value = Told, value
		if w.Said = value; value == "" {
			w.Said = "set to nothing"
		}
	default:
		for _, code := range absent {
			if a.code == code {
				w.State = Absent
			}
		}
	}
	return w
}

func (c *client) versioning(ctx context.Context) Word {
	return c.word(ctx, "versioning", func(body []byte) (string, error) {
		var said struct{ Status string }
		err := xml.Unmarshal(body, &said)
		return said.Status, err
	})
}

func (c *client) encryption(ctx context.Context) Word {
	return c.word(ctx, "encryption", func(body []byte) (string, error) {
		var said struct {
			Algorithm string `xml:"Rule>ApplyServerSideEncryptionByDefault>SSEAlgorithm"`
		}
		err := xml.Unmarshal(body, &said)
		return said.Algorithm, err
	}, "ServerSideEncryptionConfigurationNotFoundError")
}

func (c *client) publicBlock(ctx context.Context) Word {
	return c.word(ctx, "publicAccessBlock", func(body []byte) (string, error) {
		var said struct{ BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets bool }
		if err := xml.Unmarshal(body, &said); err != nil {
			return "", err
		}
		if said.BlockPublicAcls && said.IgnorePublicAcls && said.BlockPublicPolicy && said.RestrictPublicBuckets {
			return "all", nil
		}
		return "some", nil
	}, "NoSuchPublicAccessBlockConfiguration")
}

func (c *client) lock(ctx context.Context) Word {
	w := c.word(ctx, "object-lock", func(body []byte) (string, error) {
		var said struct {
			Mode string `xml:"Rule>DefaultRetention>Mode"`
		}
		err := xml.Unmarshal(body, &said)
		return said.Mode, err
	}, "ObjectLockConfigurationNotFoundError")
	if w.State == Told && w.Value == "" {
		w.Said = "no default"
	}
	return w
}

// stranger asks without a credential: for the list of the bucket, and for the file that every backend of the engine has.
func (c *client) stranger(ctx context.Context) Word {
	key := []string{".pulumi", "meta.yaml"}
	if c.backend.Prefix != "" {
		key = append(strings.Split(c.backend.Prefix, "/"), key...)
	}
	for _, look := range []struct {
		what string
		answer
	}{
		{"the list of the bucket", c.do(ctx, http.MethodGet, "list-type=2", false, nil)},
		{"the state", c.do(ctx, http.MethodGet, "", false, nil, key...)},
	} {
		switch a := look.answer; {
		case a.err != nil:
			return Word{State: Unclear, Said: a.said()}
		case a.status == http.StatusOK || a.status == http.StatusNotFound:
			// A stranger who is told that a file is not there may look.
			return Word{State: Told, Value: "open", Said: "shows a stranger " + look.what}
		case a.status != http.StatusForbidden && a.status != http.StatusUnauthorized:
			return Word{State: Unclear, Said: a.said()}
		}
	}
	return Word{State: Told, Value: "closed", Said: "shows a stranger nothing"}
}

// mine asks AWS whether the bucket belongs to an account: it answers only if it does.
func (c *client) mine(ctx context.Context, account string) Word {
	if account == "" || !c.backend.OnAWS() {
		return Word{State: NotOffered, Said: "-"}
	}
	a := c.do(ctx, http.MethodHead, "", true, http.Header{"X-Amz-Expected-Bucket-Owner": {account}})
	switch {
	case a.err != nil:
		return Word{State: Unclear, Said: a.said()}
	case a.status == http.StatusOK:
		return Word{State: Told, Value: "yes", Said: "is of account " + account}
	case a.status == http.StatusForbidden:
		return Word{State: Told, Value: "no", Said: "is of another account than " + account}
	default:
		return Word{State: Unclear, Said: a.said()}
	}
}
