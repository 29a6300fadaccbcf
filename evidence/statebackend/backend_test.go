package statebackend

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		address string
		want    Backend
	}{
		{"s3://state?region=eu-north-1", Backend{Kind: S3, Where: "s3://state", Bucket: "state", Region: "eu-north-1"}},
		{"s3://state/a/b/?region=eu-north-1&awssdk=v2&profile=p", Backend{Kind: S3, Where: "s3://state/a/b", Bucket: "state", Region: "eu-north-1", Prefix: "a/b"}},
		{"s3://state?region=eu-north-1&disable_https=true", Backend{Kind: S3, Where: "s3://state", Bucket: "state", Region: "eu-north-1", Clear: true}},
		{"s3://state?endpoint=https://s3.example.org&s3ForcePathStyle=true&region=got-1",
			Backend{Kind: S3, Where: "s3://state at s3.example.org", Bucket: "state", Region: "got-1", Endpoint: "https://s3.example.org"}},
		{"s3://state?endpoint=s3.example.org:9000", Backend{Kind: S3, Where: "s3://state at s3.example.org:9000", Bucket: "state", Endpoint: "https://s3.example.org:9000"}},
		{"s3://state?endpoint=minio:9000&disableSSL=true",
			Backend{Kind: S3, Where: "s3://state at minio:9000", Bucket: "state", Endpoint: "http://minio:9000", Clear: true}},
		{"s3://state?endpoint=http://s3.example.org", Backend{Kind: S3, Where: "s3://state at s3.example.org", Bucket: "state", Endpoint: "http://s3.example.org", Clear: true}},
		// A credential in an endpoint's address goes no further.
		{"s3://state?endpoint=https://user:hunter2@s3.example.org", Backend{Kind: S3, Where: "s3://state at s3.example.org", Bucket: "state", Endpoint: "https://s3.example.org"}},
		{"s3://state?endpoint=https://s3.eu-west-1.amazonaws.com",
			Backend{Kind: S3, Where: "s3://state at s3.eu-west-1.amazonaws.com", Bucket: "state", Region: "eu-west-1"}},
		{"s3://state?endpoint=https://amazonaws.com.example.org",
			Backend{Kind: S3, Where: "s3://state at amazonaws.com.example.org", Bucket: "state", Endpoint: "https://amazonaws.com.example.org"}},
		{"file:///srv/state", Backend{Kind: Folder, Where: "file:///srv/state"}},
		{"file://~", Backend{Kind: Folder, Where: "file://~"}},
		{"mem://", Backend{Kind: Memory, Where: "mem://"}},
		{"gs://state", Backend{Kind: Objects, Where: "gs://state"}},
		{"azblob://state?storage_account=x", Backend{Kind: Objects, Where: "azblob://state"}},
		{"postgres://user:hunter2@db.example.org/pulumi", Backend{Kind: Database, Where: "postgres://db.example.org/pulumi", Clear: true}},
		{"postgres://db.example.org/pulumi?sslmode=verify-full&password=hunter2", Backend{Kind: Database, Where: "postgres://db.example.org/pulumi"}},
		{"https://app.pulumi.com/example", Backend{Kind: Cloud, Where: "https://app.pulumi.com/example"}},
		{"https://api.pulumi.com", Backend{Kind: Cloud, Where: "https://api.pulumi.com"}},
		{"https://pulumi.com.example.org", Backend{Kind: Service, Where: "https://pulumi.com.example.org"}},
		{"http://pulumi.example.org", Backend{Kind: Service, Where: "http://pulumi.example.org", Clear: true}},
	}
	for _, tt := range tests {
		t.Run(tt.address, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(tt.address)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
	for address, why := range map[string]string{
		"":                                       "none is named",
		"   ":                                    "none is named",
		"state":                                  "no scheme",
		"ftp://state":                            "is no kind that the engine knows",
		"s3://":                                  "names no bucket",
		"s3:///hunter2":                          "names no bucket",
		"s3://state?endpoint=ftp://hunter2":      "its endpoint is no address",
		"postgres://user:hunter2@db:port/x":      "cannot be read",
		"s3://hunter2%zz?region=eu-north-1":      "cannot be read",
		"s3://user:hunter2@x?region=eu-west":     "names no bucket",
		"s3://state?endpoint=https://%zzhunter2": "its parameters cannot be read",
	} {
		_, err := Parse(address)
		require.ErrorContains(t, err, why, address)
		assert.NotContains(t, err.Error(), "hunter2", "an address may hold a credential")
	}
}

func TestLocal(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"file:///srv/state": true, "mem://": true, "s3://state?endpoint=http://127.0.0.1:9000": true, "s3://state?endpoint=http://[::1]:9000": true,
		"s3://state?endpoint=http://localhost:9000": true, "s3://state?endpoint=http://localhost.example.org": false,
		"s3://state?endpoint=http://10.0.0.1": false, "s3://state": false, "https://app.pulumi.com": false,
	} {
		b, err := Parse(address)
		require.NoError(t, err, address)
		assert.Equal(t, want, b.Local(), address)
	}
}
