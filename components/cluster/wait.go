package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// API is a cluster's API as its administrator reaches it.
type API struct {
	// Server is https://host:port.
	Server string
	// CA is the authority that alone is trusted; Certificate and Key are the administrator's. All are PEM.
	CA, Certificate, Key []byte
}

// Prober asks an API once whether it is ready for its administrator.
type Prober func(ctx context.Context, api API) error

const (
	// apiDeadline bounds the wait. A first node boots, pulls and initialises in one to five minutes; slow clouds and
	// nested virtualisation take about three times that.
	apiDeadline = 15 * time.Minute
	// probeInterval is the pause between two questions; probeTimeout how long one may take.
	probeInterval = 2 * time.Second
	probeTimeout  = 10 * time.Second
	// reportInterval is how often the user hears why the API is not there yet.
	reportInterval = 15 * time.Second
)

// awaitAPI asks until the API is ready, and reports progress. The error tells what the last answer was.
func awaitAPI(ctx context.Context, probe Prober, api API, report func(string)) error {
	if probe == nil {
		return errors.New("no prober: Args.Prober must be set, e.g. to cluster.Probe")
	}
	server := api.Server
	started := time.Now()
	reported := started
	for {
		probing, cancel := context.WithTimeout(ctx, probeTimeout)
		err := probe(probing, api)
		cancel()
		if err == nil {
			report(fmt.Sprintf("the API at %s answers after %s", server, time.Since(started).Round(time.Second)))
			return nil
		}
		waited := time.Since(started)
		if waited+probeInterval > apiDeadline {
			return fmt.Errorf("the API at %s did not answer within %s: %w", server, apiDeadline, err)
		}
		if time.Since(reported) >= reportInterval {
			reported = time.Now()
			report(fmt.Sprintf("waiting for the API at %s, %s of at most %s: %v",
				server, waited.Round(time.Second), apiDeadline, err))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the API at %s: %w", server, ctx.Err())
		case <-time.After(probeInterval):
		}
	}
}

// administration is what only an administrator may read. The API serves before kubeadm has bound the administrator's
// group, and a program that starts in between is refused everything.
const administration = "/apis/rbac.authorization.k8s.io/v1/clusterroles?limit=1"

// Probe asks /readyz, which Kubernetes lets anybody read: it is ready when etcd answers and all post-start hooks have
// run. Then it asks for something that only the administrator may read.
func Probe(ctx context.Context, api API) error {
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(api.CA) {
		return errors.New("the cluster's authority is not a PEM certificate")
	}
	administrator, err := tls.X509KeyPair(api.Certificate, api.Key)
	if err != nil {
		return fmt.Errorf("the administrator's certificate: %w", err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: authorities, Certificates: []tls.Certificate{administrator}, MinVersion: tls.VersionTLS12,
	}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	if err := ask(ctx, client, api.Server, "/readyz"); err != nil {
		return err
	}
	return ask(ctx, client, api.Server, administration)
}

// ask wants the answer 200.
func ask(ctx context.Context, client *http.Client, server, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+path, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "?")
	body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		return fmt.Errorf("%s: status %s: %w", name, response.Status, err)
	}
	return fmt.Errorf("%s: status %s: %s", name, response.Status, failedChecks(string(body)))
}

// failedChecks picks the lines of a /readyz answer that say what is missing.
func failedChecks(body string) string {
	var failed []string
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "[-]") {
			failed = append(failed, strings.TrimSpace(strings.TrimPrefix(line, "[-]")))
		}
	}
	if len(failed) == 0 {
		return strings.TrimSpace(body)
	}
	return strings.Join(failed, ", ")
}
