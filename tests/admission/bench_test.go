//go:build lab

package admission

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/lagrum/lagrum/tests/server"
)

// BenchmarkAPIServer measures what hardening adds to an API server: the time to its first answer, what it holds of memory, and
// the time of a pod that is created without being kept. Compare the two of one run.
//
//	go test -tags=lab -run='^$' -bench=APIServer -benchtime=500x ./tests/admission
func BenchmarkAPIServer(b *testing.B) {
	p, all := declared(b)
	given := func(name string) string {
		return absolute(b, filepath.Join(checkout, "components/bootstrap/testdata", name))
	}
	lawful, err := yaml.YAMLToJSON([]byte(pod(b, p)))
	require.NoError(b, err)
	flags := []string{
		"--admission-control-config-file=" + absolute(b, admissionFile), "--enable-admission-plugins=NodeRestriction,EventRateLimit,DenyServiceExternalIPs",
		"--audit-policy-file=" + given("init/files/etc/kubernetes/lagrum/audit.yaml"), "--audit-log-path=" + filepath.Join(b.TempDir(), "audit.log"),
		"--encryption-provider-config=" + given("encryption.yaml"), "--profiling=false", "--service-account-lookup=true",
	}
	for _, run := range []struct {
		name  string
		flags []string
		rules bool
	}{{"plain", nil, false}, {"flags", flags, false}, {"flags-and-rules", flags, true}} {
		b.Run(run.name, func(b *testing.B) {
			began := time.Now()
			api := server.StartKubernetes(b, "10.96.0.0/16", run.flags...)
			answers := time.Since(began)
			if run.rules {
				apply(b, api, all, "hardening")
			}
			client := api.Client(b)
			create := func() int {
				return api.Post(b, client, "/api/v1/namespaces/default/pods?dryRun=All", string(lawful))
			}
			for range 100 { // caches and compiled rules
				require.Equal(b, http.StatusCreated, create())
			}
			for b.Loop() {
				create()
			}
			b.ReportMetric(answers.Seconds(), "s-to-answer")
			b.ReportMetric(float64(api.Memory(b, "kube-apiserver"))/(1<<20), "MiB")
		})
	}
}
