package aws

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	theRegion = "eu-north-1"
	theSecret = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:lagrum/dk-prod/cp/cp-1-g1-AbCdEf"
	theBundle = "the bytes of an archive\x00\xff"
	roleKey   = "a/secret+key"
	roleToken = "a/session+token=="
)

// metadata plays the metadata service as IMDSv2 answers: nothing without a token, a token by PUT alone.
func metadata(mux *http.ServeMux, credential string) {
	mux.HandleFunc("PUT /latest/api/token", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, "a-metadata-token==")
	})
	answer := func(path, text string) {
		mux.HandleFunc("GET /latest/meta-data/iam/security-credentials/"+path, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-aws-ec2-metadata-token") != "a-metadata-token==" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = io.WriteString(w, text)
		})
	}
	answer("{$}", "dk-prod-cp")
	answer("dk-prod-cp", credential)
}

// manager plays Secrets Manager: it answers what is signed by the role, over the session token too, and asks for the one
// secret.
func manager(mux *http.ServeMux) {
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		refuse := func(kind, message string) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"__type":%q,"message":%q}`, kind, message)
		}
		if err := signed(r, body); err != nil {
			refuse("InvalidSignatureException", err.Error())
			return
		}
		var asked struct{ SecretID string }
		if r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" || json.Unmarshal(body, &asked) != nil {
			refuse("InvalidRequestException", "not understood")
			return
		}
		if asked.SecretID != theSecret {
			refuse("AccessDeniedException", "User is not authorized to perform secretsmanager:GetSecretValue")
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		fmt.Fprintf(w, `{"ARN":%q,"CreatedDate":1.7723664E9,"Name":"lagrum/dk-prod/cp/cp-1-g1","SecretString":%q,"VersionId":"v","VersionStages":["AWSCURRENT"]}`,
			theSecret, base64.StdEncoding.EncodeToString([]byte(theBundle)))
	})
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=ROLEKEYID/([0-9]{8})/eu-north-1/secretsmanager/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$`)

// signed computes the signature anew, as AWS documents it for version 4, and wants the session token among what is signed.
func signed(r *http.Request, body []byte) error {
	parts := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if parts == nil {
		return fmt.Errorf("no authorization of ours: %q", r.Header.Get("Authorization"))
	}
	headers := ""
	for _, name := range strings.Split(parts[2], ";") {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		headers += name + ":" + strings.TrimSpace(value) + "\n"
	}
	for _, needed := range []string{"host:", "x-amz-date:", "x-amz-security-token:" + roleToken + "\n", "x-amz-target:"} {
		if !strings.Contains("\n"+headers, "\n"+needed) {
			return fmt.Errorf("not signed: %s", needed)
		}
	}
	digest := func(data []byte) string { sum := sha256.Sum256(data); return hex.EncodeToString(sum[:]) }
	mac := func(key []byte, text string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	request := strings.Join([]string{r.Method, "/", "", headers, parts[2], digest(body)}, "\n")
	scope := parts[1] + "/" + theRegion + "/secretsmanager/aws4_request"
	text := strings.Join([]string{"AWS4-HMAC-SHA256", r.Header.Get("X-Amz-Date"), scope, digest([]byte(request))}, "\n")
	key := mac(mac(mac(mac([]byte("AWS4"+roleKey), parts[1]), theRegion), "secretsmanager"), "aws4_request")
	if want := hex.EncodeToString(mac(key, text)); want != parts[3] {
		return fmt.Errorf("signature %s does not match %s", parts[3], want)
	}
	return nil
}

// The command runs as it does on a node, in a real shell with a real curl, against servers that answer as the metadata
// service and Secrets Manager do, the signature checked. Whether theirs do is shown by no test.
func TestFetch(t *testing.T) {
	t.Parallel()
	pretty := func(key string) string {
		return fmt.Sprintf("{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"2026-03-01T12:00:00Z\",\n  \"Type\" : \"AWS-HMAC\",\n"+
			"  \"AccessKeyId\" : \"ROLEKEYID\",\n  \"SecretAccessKey\" : %q,\n  \"Token\" : %q,\n  \"Expiration\" : \"2026-03-01T18:00:00Z\"\n}", key, roleToken)
	}
	compact := fmt.Sprintf(`{"Code":"Success","AccessKeyId":"ROLEKEYID","SecretAccessKey":%q,"Token":%q}`, roleKey, roleToken)
	for _, row := range []struct{ name, credential, secret, want, message string }{
		{"right", pretty(roleKey), theSecret, theBundle, ""},
		{"laid out otherwise", compact, theSecret, theBundle, ""},
		{"another role", pretty("wrong"), theSecret, "", "error: Secrets Manager: {\"__type\":\"InvalidSignatureException\""},
		{"another pool's secret", pretty(roleKey), strings.Replace(theSecret, "/cp/", "/workers/", 1), "", "AccessDeniedException"},
		{"no role yet", `{"Code":"Failed"}`, theSecret, "", "error: the metadata service gave no credential of the machine's role"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			imds, service := http.NewServeMux(), http.NewServeMux()
			metadata(imds, row.credential)
			manager(service)
			first, second := httptest.NewServer(imds), httptest.NewServer(service)
			t.Cleanup(first.Close)
			t.Cleanup(second.Close)
			out, errors, err := shell(t, fetch(first.URL, second.URL, theRegion, row.secret))
			require.Equal(t, row.want, out, errors)
			assert.Contains(t, errors, row.message, "the boot log says why")
			assert.Equal(t, row.want == "", err != nil, "a failure is an exit code")
			assert.NotContains(t, errors, roleKey, "the boot log shows no credential")
		})
	}
	t.Run("no metadata service", func(t *testing.T) {
		t.Parallel()
		closed := httptest.NewServer(http.NewServeMux())
		closed.Close()
		_, errors, err := shell(t, fetch(closed.URL, closed.URL, theRegion, theSecret))
		require.Error(t, err)
		assert.Contains(t, errors, "curl: (7)")
	})
}

// shell runs a script as lagrum-secrets does.
func shell(t *testing.T, script string) (out, errors string, err error) {
	t.Helper()
	command := exec.Command("sh", "-euc", script)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err = command.Run()
	return stdout.String(), stderr.String(), err
}

// No list of processes shows what is secret: what curl is started with holds names and addresses only.
func TestFetchKeepsCredentialsOutOfArguments(t *testing.T) {
	t.Parallel()
	script := fetch(metadataService, "https://secretsmanager.eu-north-1.amazonaws.com", theRegion, theSecret)
	for _, forbidden := range []string{"--user ", "-u ", "--header \"", "-H "} {
		assert.NotContains(t, script, forbidden)
	}
	assert.Equal(t, 3, strings.Count(script, "curl --silent"))
	assert.Equal(t, 2, strings.Count(script, "--config -"), "whatever goes with a credential goes through standard input")
}

func TestNodePolicy(t *testing.T) {
	t.Parallel()
	got, err := nodePolicy("123456789012", "eu-north-1", "lagrum/dk-prod/cp/", "arn:aws:kms:eu-north-1:123456789012:key/1")
	require.NoError(t, err)
	assert.JSONEq(t, `{"Version":"2012-10-17","Statement":[
		{"Sid":"ReadBundlesOfThePool","Effect":"Allow","Action":["secretsmanager:GetSecretValue"],
			"Resource":"arn:aws:secretsmanager:eu-north-1:123456789012:secret:lagrum/dk-prod/cp/*"},
		{"Sid":"OpenThem","Effect":"Allow","Action":["kms:Decrypt"],"Resource":"arn:aws:kms:eu-north-1:123456789012:key/1",
			"Condition":{"StringEquals":{"kms:ViaService":"secretsmanager.eu-north-1.amazonaws.com"}}}]}`, got)
}

// Nobody opens anything with the key itself: whoever may administer it may not use it, and whoever may use it may do so
// through a service alone.
func TestKeyPolicy(t *testing.T) {
	t.Parallel()
	text, err := keyPolicy("123456789012", "eu-north-1")
	require.NoError(t, err)
	var policy struct{ Statement []statement }
	require.NoError(t, json.Unmarshal([]byte(text), &policy))
	services := map[string]bool{}
	for _, s := range policy.Statement {
		assert.Equal(t, map[string]string{"AWS": "arn:aws:iam::123456789012:root"}, s.Principal, s.Sid)
		via := s.Condition["StringEquals"]["kms:ViaService"]
		services[via] = true
		for _, action := range s.Action {
			assert.NotEqual(t, "kms:*", action)
			for _, use := range []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt", "kms:GenerateDataKey", "kms:CreateGrant"} {
				if strings.HasPrefix(action, use) {
					assert.NotEmpty(t, via, "%s: %s without a service", s.Sid, action)
				}
			}
			if action == "kms:CreateGrant" {
				assert.Equal(t, "true", s.Condition["Bool"]["kms:GrantIsForAWSResource"])
			}
		}
	}
	assert.Equal(t, map[string]bool{"": true, "ec2.eu-north-1.amazonaws.com": true, "secretsmanager.eu-north-1.amazonaws.com": true}, services)
	assert.Contains(t, text, "kms:Put*", "a key whose policy nobody can change is lost")
}
