package statebackend

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/site"
)

// fake is as much of S3 as the check asks, with one flaw at a time.
type fake struct {
	flaw, region string
	asked        []string
}

func say(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.asked = append(f.asked, r.Method+" "+r.URL.String())
	w.Header().Set("X-Amz-Bucket-Region", f.region)
	signed := r.Header.Get("Authorization")
	if f.flaw == "trouble" && r.Method == http.MethodGet {
		say(w, http.StatusServiceUnavailable, "SlowDown")
		return
	}
	if signed == "" {
		public := f.flaw == "public list" && r.URL.RawQuery != "" || f.flaw == "public state" && strings.HasSuffix(r.URL.Path, "/.pulumi/meta.yaml")
		switch {
		case public:
			fmt.Fprint(w, "<ListBucketResult/>")
		case f.flaw == "strangers may look" && r.URL.RawQuery == "":
			say(w, http.StatusNotFound, "NoSuchKey")
		default:
			say(w, http.StatusForbidden, "AccessDenied")
		}
		return
	}
	if !strings.Contains(signed, "/"+f.region+"/s3/aws4_request") {
		say(w, http.StatusBadRequest, "AuthorizationHeaderMalformed")
		return
	}
	if !strings.Contains(signed, "Credential=the-id/") {
		say(w, http.StatusForbidden, "InvalidAccessKeyId")
		return
	}
	q := r.URL.Query()
	answer := func(setting, body, absent string) {
		switch f.flaw {
		case "no " + setting:
			if absent == "" {
				fmt.Fprint(w, "<X/>")
				return
			}
			say(w, http.StatusNotFound, absent)
		case setting + " denied":
			say(w, http.StatusForbidden, "AccessDenied")
		case setting + " not offered":
			say(w, http.StatusNotImplemented, "NotImplemented")
		case setting + " garbled":
			fmt.Fprint(w, "<<")
		default:
			fmt.Fprint(w, body)
		}
	}
	switch {
	case r.Method == http.MethodHead:
		owner := r.Header.Get("X-Amz-Expected-Bucket-Owner")
		if owner != "" && !strings.Contains(signed, "x-amz-expected-bucket-owner") {
			w.WriteHeader(http.StatusForbidden) // AWS refuses a header of its own that is not signed
			return
		}
		if owner != "" && (f.flaw == "own account") != (owner == "111111111111") {
			w.WriteHeader(http.StatusForbidden)
		}
	case q.Has("versioning"):
		answer("versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", "")
	case q.Has("encryption"):
		answer("encryption", "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>"+
			"</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>", "ServerSideEncryptionConfigurationNotFoundError")
	case q.Has("publicAccessBlock"):
		policy := f.flaw != "half a block"
		answer("block", fmt.Sprintf("<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>"+
			"<BlockPublicPolicy>%t</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>", policy),
			"NoSuchPublicAccessBlockConfiguration")
	case q.Has("object-lock"):
		mode := "<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>30</Days></DefaultRetention></Rule>"
		if f.flaw == "no default" {
			mode = ""
		}
		answer("lock", "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"+mode+"</ObjectLockConfiguration>", "ObjectLockConfigurationNotFoundError")
	default:
		say(w, http.StatusBadRequest, "NoSuchQuestion")
	}
}

// asked asks a fake as if it were AWS, whose address in a region it takes.
func asked(t *testing.T, f *fake, b Backend, id string) (*Store, error) {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	c := newClient(b, Credentials{KeyID: site.NewSecret(id), Key: site.NewSecret("hunter2"), Token: site.NewSecret("")})
	c.base = func(string) string { return server.URL }
	return c.ask(t.Context(), "111111111111")
}

func TestAsk(t *testing.T) {
	t.Parallel()
	backend, err := Parse("s3://state/prod?region=eu-west-1")
	require.NoError(t, err)
	good := Store{Region: told("eu-west-1"), Versioning: told("Enabled"), Encryption: told("aws:kms"), PublicBlock: told("all"),
		Stranger: Word{State: Told, Value: "closed", Said: "shows a stranger nothing"}, Lock: told("COMPLIANCE"),
		Mine: Word{State: Told, Value: "no", Said: "is of another account than 111111111111"}}
	denied := Word{State: Unclear, Said: "403 AccessDenied"}
	notOffered := Word{State: NotOffered, Said: "501 NotImplemented"}
	garbled := Word{State: Unclear, Said: "an answer that cannot be read"}
	for flaw, change := range map[string]func(*Store){
		"":                   func(*Store) {},
		"no versioning":      func(s *Store) { s.Versioning = Word{State: Told, Said: "set to nothing"} },
		"versioning denied":  func(s *Store) { s.Versioning = denied },
		"versioning garbled": func(s *Store) { s.Versioning = garbled },
		"no encryption": func(s *Store) {
			s.Encryption = Word{State: Absent, Said: "404 ServerSideEncryptionConfigurationNotFoundError"}
		},
		"encryption denied":      func(s *Store) { s.Encryption = denied },
		"encryption not offered": func(s *Store) { s.Encryption = notOffered },
		"no block":               func(s *Store) { s.PublicBlock = Word{State: Absent, Said: "404 NoSuchPublicAccessBlockConfiguration"} },
		"half a block":           func(s *Store) { s.PublicBlock = told("some") },
		"block not offered":      func(s *Store) { s.PublicBlock = notOffered },
		"no lock":                func(s *Store) { s.Lock = Word{State: Absent, Said: "404 ObjectLockConfigurationNotFoundError"} },
		"no default":             func(s *Store) { s.Lock = Word{State: Told, Said: "no default"} },
		"lock denied":            func(s *Store) { s.Lock = denied },
		"public list": func(s *Store) {
			s.Stranger = Word{State: Told, Value: "open", Said: "shows a stranger the list of the bucket"}
		},
		"public state":       func(s *Store) { s.Stranger = Word{State: Told, Value: "open", Said: "shows a stranger the state"} },
		"strangers may look": func(s *Store) { s.Stranger = Word{State: Told, Value: "open", Said: "shows a stranger the state"} },
		"own account":        func(s *Store) { s.Mine = Word{State: Told, Value: "yes", Said: "is of account 111111111111"} },
		"trouble": func(s *Store) {
			down := Word{State: Unclear, Said: "503 SlowDown"}
			s.Versioning, s.Encryption, s.PublicBlock, s.Lock, s.Stranger = down, down, down, down, down
		},
	} {
		t.Run(flaw, func(t *testing.T) {
			t.Parallel()
			want := good
			change(&want)
			f := &fake{flaw: flaw, region: "eu-west-1"}
			got, err := asked(t, f, backend, "the-id")
			require.NoError(t, err)
			assert.Equal(t, &want, got)
			for _, question := range f.asked { // nothing is ever written
				assert.Regexp(t, "^(GET|HEAD) /state/", question)
			}
			assert.Contains(t, f.asked, "GET /state/prod/.pulumi/meta.yaml")
		})
	}
}

// The store knows best where it stands: it is asked again by its own word, and that word is what is judged.
func TestAskWhereTheStoreStands(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"s3://state", "s3://state?region=eu-west-1"} {
		backend, err := Parse(address)
		require.NoError(t, err)
		got, err := asked(t, &fake{region: "us-west-2"}, backend, "the-id")
		require.NoError(t, err)
		assert.Equal(t, "us-west-2", got.Region.Value)
		assert.Equal(t, "Enabled", got.Versioning.Value)
		assert.Equal(t, Refused, Judge(Facts{Backend: backend, Secrets: sound().Secrets, Store: got}, onAWS())[2].Verdict, "residency")
	}
}

func TestAskInVain(t *testing.T) {
	t.Parallel()
	backend, err := Parse("s3://state?region=eu-west-1")
	require.NoError(t, err)
	_, err = asked(t, &fake{region: "eu-west-1"}, backend, "somebody")
	require.EqualError(t, err, "bucket s3://state: the store answers 403; see that the credential may read the bucket and its settings")

	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	gone, err := Parse("s3://state?endpoint=" + server.URL)
	require.NoError(t, err)
	_, err = Ask(t.Context(), gone, Credentials{KeyID: site.NewSecret("the-id"), Key: site.NewSecret("hunter2")}, "")
	require.ErrorContains(t, err, "connection refused")
	assert.NotContains(t, err.Error(), "hunter2")

	// A redirect is not followed: it leads to where nobody said that the state lies.
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(other.Close)
	led := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	t.Cleanup(led.Close)
	away, err := Parse("s3://state?endpoint=" + led.URL)
	require.NoError(t, err)
	_, err = Ask(t.Context(), away, Credentials{KeyID: site.NewSecret("the-id"), Key: site.NewSecret("hunter2")}, "")
	require.ErrorContains(t, err, "answers 307")
}
