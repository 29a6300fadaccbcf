package objectlock

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lagrum/lagrum/stacks/site"
)

const marker = "hunter2-never-printed"

func optionsFor(endpoint string) Options {
	return Options{
		Endpoint: endpoint, Region: "eu-north-1", Bucket: "lagrum-canary", Limit: 5 * time.Second,
		Credentials: Credentials{KeyID: site.NewSecret(marker + "-id"), Key: site.NewSecret(marker + "-key")},
	}
}

func TestAGoodStoreIsAnArchive(t *testing.T) {
	t.Parallel()
	f, url := newFake(t, "")
	report, err := Run(t.Context(), optionsFor(url))
	require.NoError(t, err)
	j := report.Judge()
	assert.True(t, j.Archive, "%v", j.Reasons)
	assert.Len(t, j.Conditions, 2)
	assert.Empty(t, report.Unrestored)
	assert.Equal(t, 4, report.Remains.Versions, "two canaries, and what overwrote them")
	assert.Equal(t, "COMPLIANCE", f.mode, "the default is back")
	for _, v := range f.versions {
		assert.False(t, v.marker, "delete markers are removed")
	}

	// Two days later the canaries may go, and a second preflight removes them.
	f.now = func() time.Time { return time.Now().Add(48 * time.Hour) }
	again, err := Run(t.Context(), optionsFor(url))
	require.NoError(t, err)
	assert.Len(t, f.versions, 4)
	reasons := again.Judge().Reasons
	require.Len(t, reasons, 1)
	assert.Equal(t, "compare the store's clock with this machine's (store)", reasons[0].What)
	assert.Regexp(t, `^the clocks differ by more than a minute, and locks end by the store's clock: the store's is 4[78]h\d+m\d+s from`, reasons[0].Broken)
}

// Each attack against a store that falls for it, and each property that one lacks, is seen and named.
func TestEveryFlawIsFound(t *testing.T) {
	t.Parallel()
	for _, flaw := range []string{
		"delete", "delete-bypass", "delete-batch", "delete-force", "shorten", "shorten-bypass", "mode", "mode-bypass", "unset", "unset-bypass",
		"overwrite", "marker", "suspend", "lifecycle", "delete-bucket", "delete-bucket-force", "default-weaken", "default-remove",
		"silently-shorten", "silently-mode", "silently-unset",
		"date", "extend", "lifecycle-rule",
	} {
		t.Run(flaw, func(t *testing.T) {
			t.Parallel()
			_, url := newFake(t, flaw)
			o := optionsFor(url)
			o.Limit = 2 * time.Second // which bounds the wait for what a lifecycle hid
			report, err := Run(t.Context(), o)
			require.NoError(t, err)
			assert.False(t, report.Judge().Archive)
			found := map[ID]bool{}
			for _, f := range report.Findings {
				if f.Verdict == Accepted || f.Verdict == Fails || f.Verdict == NotOffered {
					found[f.ID] = true
				}
			}
			assert.True(t, found[ID(strings.TrimPrefix(flaw, "silently-"))], "found %v", found)
		})
	}
}

// A credential that may delete nothing is refused everything, which shows nothing.
func TestAWeakCredentialProvesNothing(t *testing.T) {
	t.Parallel()
	_, url := newFake(t, "control")
	report, err := Run(t.Context(), optionsFor(url))
	require.NoError(t, err)
	var broken []string
	for _, reason := range report.Judge().Reasons {
		broken = append(broken, reason.Broken)
	}
	assert.Equal(t, []string{
		"the credential may not delete versions, so that its refused deletes show nothing",
		"the credential may not bypass governance, so that its refused bypasses show nothing",
	}, broken)
}

// What cannot be put under governance cannot be taken for it.
func TestAStoreWithoutGovernance(t *testing.T) {
	t.Parallel()
	_, url := newFake(t, "no-governance")
	report, err := Run(t.Context(), optionsFor(url))
	require.NoError(t, err)
	assert.True(t, report.Judge().Archive, "%v", report.Judge().Reasons)
}

func TestBucketsThatAreNotAttacked(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		set  func(*fake)
		flaw string
		want string
	}{
		"somebody's": {set: func(f *fake) {
			f.exists, f.lock = true, true
			f.versions = []*version{{key: "patients/2026.json", id: "v0", put: time.Now()}}
		}, want: `bucket lagrum-canary: holds "patients/2026.json", which is no canary;` +
			` the preflight attacks the whole bucket, so give it one of its own that ends in -canary`},
		"locks for years": {set: func(f *fake) { f.exists, f.lock, f.mode, f.days = true, true, "COMPLIANCE", 1825 },
			want: "bucket lagrum-canary: locks objects for 1825 days by default, so it is no canary bucket, which locks for one; give another name"},
		"without lock": {set: func(f *fake) { f.exists = true },
			want: "bucket lagrum-canary: has no object lock, which only a new bucket can get everywhere; remove it, or give another name that ends in -canary"},
		"a store that forgets the lock": {flaw: "no-lock",
			want: "no object lock: a bucket was asked for with it and has none (404 ObjectLockConfigurationNotFoundError: says the fake); an archive needs a store that has"},
		"a store without lock": {flaw: "not-offered", set: func(f *fake) { f.exists = true },
			want: "no object lock: the store does not offer it (501 NotImplemented: says the fake); an archive needs one that does"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, url := newFake(t, row.flaw)
			if row.set != nil {
				row.set(f)
			}
			before := len(f.versions)
			_, err := Run(t.Context(), optionsFor(url))
			require.EqualError(t, err, "object lock of "+url+": "+row.want)
			assert.Len(t, f.versions, before)
			assert.Equal(t, 0, f.made, "nothing was put")
		})
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		status int
		code   string
		want   string
	}{
		"unknown key":  {403, "InvalidAccessKeyId", "the credential is wrong (InvalidAccessKeyId); check the access key's id and its secret, and that they are this store's"},
		"wrong secret": {403, "SignatureDoesNotMatch", "the credential is wrong (SignatureDoesNotMatch); check the access key's id and its secret, and that they are this store's"},
		"skew":         {403, "RequestTimeTooSkewed", "clock skew: the store's clock is -1h0m0s from this machine's and it refuses the request (RequestTimeTooSkewed); set both by the site's time source"},
		"region":       {400, "AuthorizationHeaderMalformed", "region: is not the store's (400 AuthorizationHeaderMalformed: about it); its message says which is"},
		"weak":         {403, "AccessDenied", "the credential is known and may not do this (403 AccessDenied: about it); the preflight needs the strongest there is, since a refusal to a weak one proves nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", time.Now().UTC().Add(-time.Hour).Format(http.TimeFormat))
				w.WriteHeader(row.status)
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>about it</Message></Error>", row.code)
			}))
			t.Cleanup(server.Close)
			_, err := Run(t.Context(), optionsFor(server.URL))
			require.Error(t, err)
			// Dates have whole seconds.
			got := strings.NewReplacer("-1h0m1s", "-1h0m0s").Replace(err.Error())
			assert.Equal(t, "object lock of "+server.URL+": "+row.want, got)
		})
	}
}

func TestAStoreThatCannotBeReached(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = Run(t.Context(), optionsFor("http://"+l.Addr().String()))
	require.ErrorContains(t, err, "cannot be reached: ")
	require.ErrorContains(t, err, "connection refused; check the address, its scheme, and the way there")

	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // that we do not trust it
	server.StartTLS()
	t.Cleanup(server.Close)
	_, err = Run(t.Context(), optionsFor(server.URL))
	require.ErrorContains(t, err, "its certificate is not trusted")
}

func TestEachRequestIsBounded(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(func() { close(release); server.Close() })
	o := optionsFor(server.URL)
	o.Limit = 100 * time.Millisecond
	_, err := Run(t.Context(), o)
	require.EqualError(t, err, "object lock of "+server.URL+": no answer within 100ms; check the address, the way there, and the store's load")
}

// An interrupt in the midst of attacks leaves no weak default behind.
func TestAnInterruptRestoresTheBucket(t *testing.T) {
	t.Parallel()
	f, url := newFake(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f.now = func() time.Time {
		if f.made > 0 && f.mode == "" { // while the default is off for a control
			cancel()
		}
		return time.Now()
	}
	report, err := Run(ctx, optionsFor(url))
	require.ErrorIs(t, err, context.Canceled)
	assert.False(t, report.Judge().Archive)
	assert.Equal(t, "COMPLIANCE", f.mode)
}

func TestEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), Options{Endpoint: "http://s3.example.org", Bucket: "audit-archive"})
	require.EqualError(t, err, `endpoint "http://s3.example.org": without TLS anyone between could answer for the store; use https:// (http:// is for loopback)
region: is empty; give the store's, often us-east-1 where it has none
bucket "audit-archive": is attacked, so it must never be an archive; name a bucket of its own that ends in -canary
credential: the access key's id is empty
credential: the secret access key is empty`)
	for endpoint, want := range map[string]string{
		"": "endpoint: is empty; give the store's address, such as https://s3.example.org",
		"https://me:" + marker + "@s3.example.org": "endpoint: holds a credential; leave it out of the address",
		"https://me:" + marker + "@s3 example":     "endpoint: is no address; give one such as https://s3.example.org",
		"s3.example.org":                           `endpoint "s3.example.org": want https:// and a host, such as https://s3.example.org`,
		"https://s3.example.org/archive":           `endpoint "https://s3.example.org/archive": has a path; give the host alone, the bucket is told apart`,
	} {
		_, err := Run(t.Context(), optionsFor(endpoint))
		assert.EqualError(t, err, want)
	}
}

// Neither printer nor encoder shows a credential, and no error does, whatever a store sends back.
func TestCredentialsAreNeverShown(t *testing.T) {
	t.Parallel()
	o := optionsFor("https://s3.example.org")
	encoded, err := json.Marshal(o)
	require.NoError(t, err)
	texts := []string{string(encoded)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		texts = append(texts, fmt.Sprintf(verb, o), fmt.Sprintf(verb, &o), fmt.Sprintf(verb, o.Credentials))
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	t.Cleanup(server.Close)
	report, err := Run(t.Context(), optionsFor(server.URL))
	require.Error(t, err)
	var text strings.Builder
	require.NoError(t, report.Write(&text))
	for _, shown := range append(texts, err.Error(), text.String(), fmt.Sprintf("%#v", report)) {
		assert.NotContains(t, shown, marker)
	}
}
