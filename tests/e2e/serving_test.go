//go:build e2e

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// kubeletsAreKnown tries what a node must not get: a certificate for another's address, and to be spoken to with one that the
// cluster did not sign.
func (w *world) kubeletsAreKnown(t *testing.T) {
	const node = "workers-1-g1"
	eventually(t, time.Minute, "the client is spoken to", func() error { return w.probe(t, "lookup", "web.web.svc.cluster.local") })
	for _, n := range w.names(t, "nodes") {
		signed := w.kubectl(t, "get", "csr", "--field-selector", "spec.signerName=kubernetes.io/kubelet-serving",
			"-o", `jsonpath={.items[?(@.spec.username=="system:node:`+n+`")].status.certificate}`)
		require.NotEmpty(t, signed, "%s has a certificate of the cluster's", n)
	}

	// In the worker's own name, with the address of the control plane.
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	address := w.kubectl(t, "get", "node", "cp-1-g1", "-o", `jsonpath={.status.addresses[?(@.type=="InternalIP")].address}`)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:  pkix.Name{CommonName: "system:node:" + node, Organization: []string{"system:nodes"}},
		DNSNames: []string{node}, IPAddresses: []net.IP{net.ParseIP(address)},
	}, key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "csr.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: impostor}
spec:
  signerName: kubernetes.io/kubelet-serving
  usages: [digital signature, server auth]
  request: `+base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))), 0o600))
	w.kubectl(t, "create", "--as=system:node:"+node, "--as-group=system:nodes", "--as-group=system:authenticated", "-f", file)
	eventually(t, time.Minute, "the approver refuses", func() error {
		said := w.kubectl(t, "-n", "kube-system", "logs", "deployment/node-certificates")
		if !strings.Contains(said, "request impostor of system:node:"+node+" is not approved: it asks for other names or addresses") {
			return fmt.Errorf("it says %q", said)
		}
		return nil
	})
	require.Empty(t, w.kubectl(t, "get", "csr", "impostor", "-o", "jsonpath={.status.conditions}{.status.certificate}"))

	for signer, may := range map[string]string{"kubernetes.io/kubelet-serving": "true", "kubernetes.io/kube-apiserver-client": "", "kubernetes.io/legacy-unknown": ""} {
		review := filepath.Join(t.TempDir(), "review.yaml")
		require.NoError(t, os.WriteFile(review, []byte(`{apiVersion: authorization.k8s.io/v1, kind: SubjectAccessReview, spec: {
user: "system:serviceaccount:kube-system:node-certificates", resourceAttributes: {group: certificates.k8s.io, resource: signers, verb: approve, name: "`+signer+`"}}}`), 0o600))
		allowed := w.kubectl(t, "create", "-f", review, "-o", "jsonpath={.status.allowed}")
		require.Equal(t, may == "true", allowed == "true", signer)
	}

	// A kubelet with a certificate of its own making, for all the right names.
	own := w.kubectl(t, "get", "node", node, "-o", `jsonpath={.status.addresses[?(@.type=="InternalIP")].address}`)
	out, err := w.inside(t, node, `
cd /var/lib/kubelet/pki
readlink kubelet-server-current.pem >/root/signed
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 300 -subj "/O=system:nodes/CN=system:node:`+node+`" \
  -addext "subjectAltName=DNS:`+node+`,IP:`+own+`" -keyout /root/own.key -out /root/own.crt 2>/dev/null
cat /root/own.crt /root/own.key >own.pem
chmod 0600 own.pem
ln -sfn "$PWD/own.pem" kubelet-server-current.pem
systemctl restart kubelet`)
	require.NoError(t, err, out)
	eventually(t, time.Minute, "the API server does not speak to it", func() error {
		r := w.try(t, 20*time.Second, "kubectl", "-n", "web", "exec", "client", "--", "probe", "lookup", "web.web.svc.cluster.local")
		if r.code == 0 || !strings.Contains(r.out, "x509: certificate signed by unknown authority") {
			return fmt.Errorf("exit code %d: %s", r.code, r.out)
		}
		return nil
	})
	out, err = w.inside(t, node, `
cd /var/lib/kubelet/pki
ln -sfn "$(cat /root/signed)" kubelet-server-current.pem
rm own.pem /root/own.key /root/own.crt /root/signed
systemctl restart kubelet`)
	require.NoError(t, err, out)
	eventually(t, time.Minute, "the client is spoken to again", func() error { return w.probe(t, "lookup", "web.web.svc.cluster.local") })
}
