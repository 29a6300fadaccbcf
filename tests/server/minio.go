package server

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
)

// MinIO is a store on loopback, and the login of its root. Users have the root's password.
type MinIO struct {
	Address, Root, Password, Region string
	// Data outlives the server.
	Data string
}

// Start starts the server, or starts it again.
func (m MinIO) Start(t testing.TB, mark string) {
	t.Helper()
	Start(t, mark, "minio", m.Address, []string{
		"MINIO_ROOT_USER=" + m.Root, "MINIO_ROOT_PASSWORD=" + m.Password, "MINIO_REGION=" + m.Region, "MINIO_UPDATE=off", "MINIO_BROWSER=off",
		"MINIO_KMS_SECRET_KEY=test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", // the store's own key, of 32 bytes
	}, "server", "--quiet", "--address", m.Address, m.Data)
}

// User makes a user with one policy, as its operator would. Its key's id is its name.
func (m MinIO) User(t testing.TB, name, policy string) {
	t.Helper()
	mc, config := Program(t, "mc"), t.TempDir()
	file := filepath.Join(config, "policy.json")
	require.NoError(t, os.WriteFile(file, []byte(policy), 0o600))
	for _, args := range [][]string{
		{"admin", "user", "add", "s3", name, m.Password}, {"admin", "policy", "create", "s3", name, file}, {"admin", "policy", "attach", "s3", name, "--user", name},
	} {
		cmd := exec.Command(mc, append([]string{"--config-dir", config}, args...)...)
		cmd.Env = append(os.Environ(), "MC_HOST_s3=http://"+m.Root+":"+m.Password+"@"+m.Address)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%v: %s", args, out)
	}
}

// Client asks once, as a user.
func (m MinIO) Client(t testing.TB, user string) *minio.Client {
	t.Helper()
	client, err := minio.New(m.Address, &minio.Options{Creds: credentials.NewStaticV4(user, m.Password, ""), Region: m.Region, MaxRetries: 1})
	require.NoError(t, err)
	return client
}
