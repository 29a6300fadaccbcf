package openstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// Status shows which daemons live and answer.
func (l *Lab) Status(ctx context.Context, out io.Writer) error {
	if !l.exists() {
		fmt.Fprintf(out, "the OpenStack of lab %s is down\n", l.Name)
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	var broken []string
	for _, d := range l.daemons() {
		state := "up"
		up, err := l.running(d.name)
		if err != nil {
			return err
		}
		switch {
		case !up:
			state = "down"
		case d.answers != nil:
			if err := d.answers(ctx); err != nil {
				state = "does not answer: " + err.Error()
			}
		}
		if state != "up" {
			broken = append(broken, d.name)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", d.name, state, l.Log(d.name))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(broken) > 0 {
		return fmt.Errorf("openstack of lab %s: not up: %s; run lagrum openstack up", l.Name, strings.Join(broken, ", "))
	}
	if err := l.askWorkers(ctx); err != nil {
		return fmt.Errorf("openstack of lab %s: %w", l.Name, err)
	}
	fmt.Fprintf(out, "all services have reported; %d hosts to put servers on\n", len(computeHosts))
	return nil
}

func (l *Lab) exists() bool {
	_, err := os.Stat(l.secretsFile())
	return err == nil
}

// Environment is what a program or a plugin needs to reach the cloud as its tenant.
func (l *Lab) Environment() (map[string]string, error) {
	data, err := os.ReadFile(l.credentialFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the OpenStack of lab %s is not up; run: lagrum openstack up", l.Name)
	}
	if err != nil {
		return nil, err
	}
	var credential Credential
	if err := json.Unmarshal(data, &credential); err != nil {
		return nil, fmt.Errorf("%s: %w; it is damaged: run lagrum openstack down", l.credentialFile(), err)
	}
	url, err := serviceURL("keystone")
	return map[string]string{
		"OS_AUTH_URL": url + "/v3", "OS_AUTH_TYPE": "v3applicationcredential", "OS_REGION_NAME": region, "OS_IDENTITY_API_VERSION": "3",
		"OS_APPLICATION_CREDENTIAL_ID": credential.ID, "OS_APPLICATION_CREDENTIAL_SECRET": credential.Secret,
	}, err
}

// Shell prints the environment as export lines for eval.
func (l *Lab) Shell(out io.Writer) error {
	environment, err := l.Environment()
	if err != nil {
		return err
	}
	var lines []string
	for name, value := range environment {
		lines = append(lines, fmt.Sprintf("export %s='%s'\n", name, value))
	}
	slices.Sort(lines)
	_, err = io.WriteString(out, strings.Join(lines, ""))
	return err
}
