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

// Prober asks the API server at server (https://host:port) once whether it is ready, trusting the authority ca (PEM)
// alone.
type Prober func(ctx context.Context, server string, ca []byte) error

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
func awaitAPI(ctx context.Context, probe Prober, server string, ca []byte, report func(string)) error {
	if probe == nil {
		return errors.New("no prober: Args.Prober must be set, e.g. to cluster.ProbeReadyz")
	}
	started := time.Now()
	reported := started
	for {
		probing, cancel := context.WithTimeout(ctx, probeTimeout)
		err := probe(probing, server, ca)
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

// ProbeReadyz asks /readyz, which Kubernetes lets anybody read. It is ready when the answer is 200: etcd answers and
// all post-start hooks have run.
func ProbeReadyz(ctx context.Context, server string, ca []byte) error {
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(ca) {
		return errors.New("the cluster's authority is not a PEM certificate")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		return fmt.Errorf("readyz: status %s: %w", response.Status, err)
	}
	return fmt.Errorf("readyz: status %s: %s", response.Status, failedChecks(string(body)))
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
