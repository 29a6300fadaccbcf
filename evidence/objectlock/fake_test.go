package objectlock

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is as much of an S3 store with object lock as the preflight meets, with one flaw at a time: the attack of that name
// succeeds. So each attack is shown to be seen, on no more than loopback.
type fake struct {
	flaw     string
	now      func() time.Time
	mu       sync.Mutex
	exists   bool
	lock     bool
	mode     string // of the bucket's default
	days     int
	versions []*version
	made     int
}

type version struct {
	key, id, mode string
	content       []byte
	until         time.Time
	marker        bool
	put           time.Time
}

func newFake(t *testing.T, flaw string) (*fake, string) {
	t.Helper()
	f := &fake{flaw: flaw, now: time.Now}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, server.URL
}

func (f *fake) find(key, id string) *version {
	for _, v := range slices.Backward(f.versions) {
		if v.key == key && (id == "" || v.id == id) {
			return v
		}
	}
	return nil
}

func (v *version) locked(bypass bool, now time.Time) bool {
	return !v.marker && v.until.After(now) && (v.mode == "COMPLIANCE" || v.mode == "GOVERNANCE" && !bypass)
}

func say(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>says the fake</Message></Error>", code)
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Date", f.now().UTC().Format(http.TimeFormat))
	body, _ := io.ReadAll(r.Body)
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") { // signed in chunks, of which the first holds it all
		head, rest, _ := strings.Cut(string(body), "\r\n")
		size, _, _ := strings.Cut(head, ";")
		n, _ := strconv.ParseInt(size, 16, 32)
		body = []byte(rest[:n])
	}
	_, key, inside := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
	q := r.URL.Query()
	switch {
	case f.flaw == "not-offered" && q.Has("object-lock"):
		say(w, 501, "NotImplemented")
	case inside:
		f.object(w, r, key, string(body))
	case r.Method == "PUT" && len(q) == 0:
		f.exists, f.lock = true, f.flaw != "no-lock" && r.Header.Get("X-Amz-Bucket-Object-Lock-Enabled") == "true"
	case !f.exists:
		say(w, 404, "NoSuchBucket")
	default:
		f.bucket(w, r, string(body))
	}
}

func (f *fake) bucket(w http.ResponseWriter, r *http.Request, body string) {
	q := r.URL.Query()
	switch {
	case q.Has("object-lock") && r.Method == "PUT":
		mode := ""
		for _, m := range []string{"COMPLIANCE", "GOVERNANCE"} {
			if strings.Contains(body, m) {
				mode = m
			}
		}
		for _, v := range f.versions {
			if mode != "COMPLIANCE" && f.flaw == "default-weaken" && mode != "" || f.flaw == "default-remove" && mode == "" {
				v.mode = mode
			}
		}
		f.mode, f.days = mode, 1
	case q.Has("object-lock"):
		switch {
		case !f.lock:
			say(w, 404, "ObjectLockConfigurationNotFoundError")
		case f.mode == "":
			fmt.Fprint(w, "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>")
		default:
			fmt.Fprintf(w, "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>%s</Mode>"+
				"<Days>%d</Days></DefaultRetention></Rule></ObjectLockConfiguration>", f.mode, f.days)
		}
	case q.Has("versioning") && r.Method == "PUT":
		if strings.Contains(body, "Suspended") && f.flaw != "suspend" {
			say(w, 409, "InvalidBucketState")
		} else if strings.Contains(body, "Suspended") {
			f.days = -1 // remembered as suspended
		} else {
			f.days = 1
		}
	case q.Has("versioning"):
		fmt.Fprintf(w, "<VersioningConfiguration><Status>%s</Status></VersioningConfiguration>", map[bool]string{true: "Suspended", false: "Enabled"}[f.days == -1])
	case q.Has("lifecycle"):
		if f.flaw == "lifecycle-rule" {
			say(w, 501, "NotImplemented")
		} else if f.flaw == "lifecycle" && strings.Contains(body, "<Date>") {
			f.versions = nil
		}
	case q.Has("versions"):
		fmt.Fprint(w, "<ListVersionsResult><IsTruncated>false</IsTruncated>")
		for _, v := range f.versions {
			element := map[bool]string{true: "DeleteMarker", false: "Version"}[v.marker]
			if strings.HasPrefix(v.key, q.Get("prefix")) {
				fmt.Fprintf(w, "<%s><Key>%s</Key><VersionId>%s</VersionId><Size>%d</Size><LastModified>%s</LastModified></%s>",
					element, v.key, v.id, len(v.content), v.put.UTC().Format(time.RFC3339), element)
			}
		}
		fmt.Fprint(w, "</ListVersionsResult>")
	case q.Has("delete"):
		var batch struct {
			Object []struct{ Key, VersionId string }
		}
		_ = xml.Unmarshal([]byte(body), &batch)
		fmt.Fprint(w, "<DeleteResult>")
		for _, o := range batch.Object {
			if v := f.find(o.Key, o.VersionId); v != nil && v.locked(true, f.now()) && f.flaw != "delete-batch" {
				fmt.Fprintf(w, "<Error><Key>%s</Key><VersionId>%s</VersionId><Code>AccessDenied</Code></Error>", o.Key, o.VersionId)
			} else {
				f.drop(v)
			}
		}
		fmt.Fprint(w, "</DeleteResult>")
	case r.Method == "DELETE":
		force := r.Header.Get("X-Minio-Force-Delete") != ""
		if len(f.versions) > 0 && (force && f.flaw != "delete-bucket-force" || !force && f.flaw != "delete-bucket") {
			say(w, 409, "BucketNotEmpty")
			return
		}
		f.exists, f.versions = f.flaw == "delete-bucket" || f.flaw == "delete-bucket-force", nil
		w.WriteHeader(204)
	default:
		say(w, 400, "Unexpected")
	}
}

func (f *fake) drop(v *version) {
	f.versions = slices.DeleteFunc(f.versions, func(other *version) bool { return other == v })
}

func (f *fake) object(w http.ResponseWriter, r *http.Request, key, body string) {
	q := r.URL.Query()
	id, bypass := q.Get("versionId"), r.Header.Get("X-Amz-Bypass-Governance-Retention") == "true"
	v := f.find(key, id)
	if v == nil && r.Method != "PUT" {
		say(w, 404, "NoSuchVersion")
		return
	}
	switch {
	case q.Has("retention") && r.Method == "PUT":
		f.retain(w, v, body, bypass)
	case q.Has("retention"):
		if v.mode == "" || f.flaw == "date" {
			say(w, 404, "NoSuchObjectLockConfiguration")
			return
		}
		fmt.Fprintf(w, "<Retention><Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate></Retention>", v.mode, v.until.UTC().Format(time.RFC3339Nano))
	case r.Method == "PUT" && f.flaw == "no-governance" && r.Header.Get("X-Amz-Object-Lock-Mode") == "GOVERNANCE":
		say(w, 400, "InvalidArgument")
	case r.Method == "PUT":
		if f.flaw == "overwrite" && v != nil {
			v.content = []byte(body)
		}
		f.made++
		made := &version{key: key, id: fmt.Sprint("v", f.made), content: []byte(body), put: f.now(), mode: r.Header.Get("X-Amz-Object-Lock-Mode")}
		if made.until, _ = time.Parse(time.RFC3339, r.Header.Get("X-Amz-Object-Lock-Retain-Until-Date")); made.mode == "" {
			made.mode, made.until = f.mode, f.now().Add(24*time.Hour)
		}
		f.versions = append(f.versions, made)
		w.Header().Set("X-Amz-Version-Id", made.id)
	case r.Method == "DELETE" && id == "":
		f.made++
		force := r.Header.Get("X-Minio-Force-Delete") != ""
		if force && f.flaw == "delete-force" || !force && f.flaw == "marker" {
			f.drop(v)
		}
		f.versions = append(f.versions, &version{key: key, id: fmt.Sprint("v", f.made), marker: true, put: f.now()})
		w.WriteHeader(204)
	case r.Method == "DELETE":
		if f.flaw == "control" || v.locked(bypass, f.now()) && !(f.flaw == "delete" && !bypass) && !(f.flaw == "delete-bypass" && bypass) {
			say(w, 403, "AccessDenied")
			return
		}
		f.drop(v)
		w.WriteHeader(204)
	default:
		w.Header().Set("Last-Modified", v.put.UTC().Format(http.TimeFormat))
		w.Header().Set("ETag", `"0"`)
		_, _ = w.Write(v.content)
	}
}

// retain changes a retention: longer is always fine, anything else only by a flaw.
func (f *fake) retain(w http.ResponseWriter, v *version, body string, bypass bool) {
	var asked struct {
		Mode            string
		RetainUntilDate time.Time
	}
	_ = xml.Unmarshal([]byte(body), &asked)
	attack := "shorten"
	switch {
	case asked.Mode == "":
		attack = "unset"
	case asked.Mode != v.mode:
		attack = "mode"
	}
	if bypass {
		attack += "-bypass"
	}
	// A flaw of this name: it says no and does it.
	if f.flaw == "silently-"+attack {
		v.mode, v.until = asked.Mode, asked.RetainUntilDate
	}
	if longer := asked.Mode == v.mode && !asked.RetainUntilDate.Before(v.until); (!longer || f.flaw == "extend") && f.flaw != attack {
		say(w, 403, "AccessDenied")
		return
	}
	v.mode, v.until = asked.Mode, asked.RetainUntilDate
}
