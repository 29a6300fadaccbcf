// Command previews records what the real engine says of real changes, for the tests of `lagrum review`.
//
//	make bin/lagrum && go run ./tests/previews
//
// It keeps what `pulumi preview --json --show-sames` prints and what `lagrum plan` decides, under
// cmd/lagrum/internal/review/testdata, for two kinds of changes:
//
// lab: it brings up a real lab of its own (two machines, of the name rev) and edits the lab's site once per case. The
// state is that of the lab's real update, but for the cases that say otherwise. The lab is left up; take it down with:
// LAGRUM_LAB=rev bin/lagrum lab down
//
// clouds: it edits the declared production stack on OpenStack, which the engine has made against plugins that make nothing
// (tests/planonly says what they replace). Objects in the cluster are left out, since no API server answers.
// Needs no root: go run ./tests/previews clouds
//
// A recording differs from the last one by random names and times. Only what a review reads is kept, and one in which a
// secret of the state occurs is not written.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

const (
	lab      = "rev"
	nodeCIDR = "172.31.77.0/24"
	kept     = "cmd/lagrum/internal/review/testdata"
)

func main() {
	if err := record(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "previews:", err)
		os.Exit(1)
	}
}

// world is where a stack stands and what it starts from.
type world struct {
	root, project string
	stack         string
	cli           string // pulumi
	companion     string // lagrum
	env           []string
	only          []string // arguments that bound each preview
	base          []byte   // the stack's file that every case starts from
	state         []byte   // of the update, secrets encrypted
	secrets       []string
}

func record(kinds []string) error {
	root, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(root, "Pulumi.dev.yaml")); err != nil {
		return fmt.Errorf("run it in the checkout's root: %w", err)
	}
	recorders := map[string]func(string) error{"lab": recordLab, "clouds": recordClouds}
	if len(kinds) == 0 {
		kinds = []string{"lab", "clouds"}
	}
	for _, kind := range kinds {
		recorder, known := recorders[kind]
		if !known {
			return fmt.Errorf("%q: no such recordings; there are lab and clouds", kind)
		}
		if err := recorder(root); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

func recordLab(root string) error {
	w := &world{root: root, project: filepath.Join(root, ".lagrum", lab), env: append(os.Environ(), "LAGRUM_LAB="+lab),
		stack: lab, cli: "pulumi", companion: filepath.Join(root, "bin/lagrum")}
	if err := w.makeProject(); err != nil {
		return err
	}
	if out, err := w.run(w.companion, "lab", "up"); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	if err := w.enter(); err != nil {
		return err
	}
	return w.recordAll(cases())
}

// recordAll records cases, all of which start from the state that the world is in.
func (w *world) recordAll(cases []recording) error {
	if err := w.readSecrets(); err != nil {
		return err
	}
	for _, c := range cases {
		if err := w.record(c); err != nil {
			return fmt.Errorf("case %s: %w", c.name, err)
		}
		fmt.Println("recorded", c.name)
	}
	return w.declare()
}

// makeProject writes the project of the lab, and the site that every case starts from.
func (w *world) makeProject() error {
	if err := os.MkdirAll(w.project, 0o755); err != nil {
		return err
	}
	project, err := os.ReadFile(filepath.Join(w.root, "Pulumi.yaml"))
	if err != nil {
		return err
	}
	moved := strings.Replace(string(project), "./bin/lagrum-program", "../../bin/lagrum-program", 1)
	if err := os.WriteFile(filepath.Join(w.project, "Pulumi.yaml"), []byte(moved), 0o644); err != nil {
		return err
	}
	if w.base, err = os.ReadFile(filepath.Join(w.root, "Pulumi.dev.yaml")); err != nil {
		return err
	}
	if err := w.declare(); err != nil {
		return err
	}
	err = w.edit(func(s site) {
		cluster(s)["name"], cluster(s)["nodeCIDR"] = lab, nodeCIDR
		cluster(s)["apiSources"] = []any{"192.0.2.0/24"}
	})
	if err != nil {
		return err
	}
	w.base, err = os.ReadFile(w.stackFile())
	return err
}

// declare writes the site that every case starts from.
func (w *world) declare() error { return os.WriteFile(w.stackFile(), w.base, 0o644) }

func (w *world) stackFile() string { return filepath.Join(w.project, "Pulumi."+w.stack+".yaml") }

func (w *world) edit(change func(site)) error {
	text, err := os.ReadFile(w.stackFile())
	if err != nil {
		return err
	}
	var stack map[string]any
	if err := yaml.Unmarshal(text, &stack); err != nil {
		return err
	}
	change(stack["config"].(map[string]any)["lagrum:site"].(map[string]any))
	if text, err = yaml.Marshal(stack); err != nil {
		return err
	}
	return os.WriteFile(w.stackFile(), text, 0o644)
}

// run returns the standard output, also of a command that failed.
func (w *world) run(name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = w.project, w.env
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, problems.String())
	}
	return out.Bytes(), nil
}

// enter takes over the lab's environment, as eval "$(lagrum lab env)" does.
func (w *world) enter() error {
	out, err := w.run(w.companion, "lab", "env")
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(out), "\n") {
		if assignment, ok := strings.CutPrefix(line, "export "); ok {
			name, value, _ := strings.Cut(assignment, "=")
			value = strings.Trim(value, "'")
			w.env = append(w.env, name+"="+value)
			if name == "PATH" { // exec looks programs up in this process's own
				if err := os.Setenv(name, value); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (w *world) pulumi(args ...string) ([]byte, error) {
	return w.run(w.cli, append(args, "--stack", w.stack, "--non-interactive")...)
}

// readSecrets keeps the state to go back to, and every secret text in it to look for in what is recorded.
func (w *world) readSecrets() error {
	var err error
	if w.state, err = w.pulumi("stack", "export"); err != nil {
		return err
	}
	open, err := w.pulumi("stack", "export", "--show-secrets")
	if err != nil {
		return err
	}
	var state any
	if err := json.Unmarshal(open, &state); err != nil {
		return err
	}
	walk(state, func(m map[string]any) {
		plaintext, ok := m["plaintext"].(string)
		if !ok {
			return
		}
		var value any
		if json.Unmarshal([]byte(plaintext), &value) != nil {
			value = plaintext
		}
		for _, text := range texts(value) {
			if len(text) >= 12 { // shorter ones are words
				w.secrets = append(w.secrets, text)
			}
		}
	})
	if len(w.secrets) == 0 {
		return errors.New("the state holds no secret; the search for them would prove nothing")
	}
	return nil
}

func (w *world) record(c recording) error {
	if err := w.declare(); err != nil {
		return err
	}
	before := w.plan()
	if c.state != nil {
		if err := c.state(w); err != nil {
			return err
		}
		before = w.plan()
		if err := w.declare(); err != nil {
			return err
		}
	}
	if c.edit != nil {
		if err := w.edit(c.edit); err != nil {
			return err
		}
	}
	preview, failed := w.pulumi(append([]string{"preview", "--json", "--show-sames"}, w.only...)...)
	if (failed != nil) != c.fails {
		return fmt.Errorf("the preview fails: %v, expected %v: %v", failed != nil, c.fails, failed)
	}
	after := w.plan()
	if c.state != nil {
		if err := w.restore(w.state); err != nil {
			return err
		}
	}
	trimmed, err := w.trim(preview)
	if err != nil {
		return err
	}
	dir := filepath.Join(w.root, kept, c.name)
	for name, text := range map[string][]byte{"preview.json": trimmed, "old.plan.json": before, "new.plan.json": after} {
		file := filepath.Join(dir, name)
		if len(text) == 0 { // a refused plan
			if err := os.RemoveAll(file); err != nil {
				return err
			}
			continue
		}
		if err := w.free(text); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// plan decides the site as it stands; a refused one has none.
func (w *world) plan() []byte {
	out, err := w.run(w.companion, "plan", w.stackFile())
	if err != nil {
		return nil
	}
	return out
}

func (w *world) restore(state []byte) error {
	file := filepath.Join(w.project, "state.json")
	defer os.Remove(file)
	if err := os.WriteFile(file, state, 0o600); err != nil {
		return err
	}
	_, err := w.pulumi("stack", "import", "--file", file)
	return err
}

// free refuses a text with a secret in it.
func (w *world) free(text []byte) error {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return err
	}
	for _, held := range texts(value) {
		if strings.Contains(held, "PRIVATE KEY") {
			return errors.New("a private key occurs in it")
		}
		if slices.ContainsFunc(w.secrets, func(secret string) bool { return strings.Contains(held, secret) }) {
			return errors.New("a secret of the state occurs in it")
		}
	}
	return nil
}
