package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/lagrum/lagrum/lab/debian"
	"github.com/lagrum/lagrum/lab/processes"
)

// notProvable is what a host cannot show, and where it is shown instead.
func (l *Lab) notProvable() []string {
	missing := []string{}
	if l.noMachines != nil {
		missing = processes.Missing()
	}
	switch {
	case exec.Command("modprobe", "--quiet", "--dry-run", "wireguard").Run() != nil && !exists("/sys/module/wireguard"):
		missing = append(missing, "encryption of node-to-node traffic (the kernel has no WireGuard; make e2e-full shows it between virtual machines)")
	case !l.asksWireGuard():
		missing = append(missing, "encryption of node-to-node traffic (this kernel has WireGuard: set cloud.lab.wireguard: true in the site)")
	}
	if !exists("/dev/mapper/control") {
		missing = append(missing, "encryption of a system container's disks (the kernel has no device mapper; a worker of size vm-2c2g encrypts its data disk)")
	}
	if given, _ := l.given(); len(given) == 0 {
		missing = append(missing, "intrusion detection by Falco (no Falco image: lab/images.d is empty; docs/lab.md says what to put there)")
	}
	return append(missing, "the official provider plugins, where a stand-in took their place")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// asksWireGuard tells whether the stack's site has the lab's nodes encrypt what they send each other.
func (l *Lab) asksWireGuard() bool {
	declared, err := l.site()
	return err == nil && declared.Cloud.Lab.WireGuard
}

// declared is what the lab itself has to know of its stack's site; whether the site is right is for the program to say.
type declared struct {
	Cloud   struct{ Lab struct{ WireGuard bool } }
	Cluster struct {
		NodeCIDR string `yaml:"nodeCIDR"`
	}
}

func (l *Lab) site() (declared, error) {
	var stack struct {
		Config struct {
			Site declared `yaml:"lagrum:site"`
		}
	}
	text, err := os.ReadFile(l.stackFile())
	if err != nil {
		return declared{}, err
	}
	if err := yaml.Unmarshal(text, &stack); err != nil {
		return declared{}, fmt.Errorf("%s: %w", l.stackFile(), err)
	}
	return stack.Config.Site, nil
}

type node struct {
	Metadata struct {
		Name string
	}
	Status struct {
		NodeInfo   struct{ KubeletVersion, ContainerRuntimeVersion string }
		Conditions []struct{ Type, Status, Reason, Message string }
	}
}

func (n node) ready() (bool, string) {
	for _, c := range n.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True", c.Reason + ": " + c.Message
		}
	}
	return false, "no condition yet"
}

func (l *Lab) nodes(ctx context.Context) ([]node, error) {
	cmd := l.command(ctx, "kubectl", "get", "nodes", "-o", "json", "--request-timeout=20s")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("kubectl get nodes: %w\n%s", err, stderr.String())
	}
	var list struct{ Items []node }
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("kubectl get nodes: %w", err)
	}
	return list.Items, nil
}

// nodesLimit bounds the wait for nodes after the stack is up: the last worker may still be joining.
const nodesLimit = 10 * time.Minute

// awaitNodes waits until every machine of the lab is a Ready node.
func (l *Lab) awaitNodes(ctx context.Context, out io.Writer) error {
	host, err := l.host()
	if err != nil {
		return err
	}
	list, err := host.Machines()
	if err != nil {
		return err
	}
	started := time.Now()
	boots := &boots{host: host, read: map[string]int64{}}
	for {
		var waiting []string
		nodes, err := l.nodes(ctx)
		if err != nil {
			waiting = append(waiting, err.Error())
		}
		known := map[string]node{}
		for _, n := range nodes {
			known[n.Metadata.Name] = n
		}
		for _, m := range list {
			n, joined := known[m.Name]
			if !joined {
				if err := boots.look(m.Name); err != nil {
					return fmt.Errorf("lab %s: %w", l.Name, err)
				}
				waiting = append(waiting, m.Name+" has not joined")
			} else if ok, why := n.ready(); !ok {
				waiting = append(waiting, m.Name+" "+why)
			}
		}
		if len(waiting) == 0 {
			return l.awaitAgents(ctx)
		}
		if time.Since(started) > nodesLimit {
			return fmt.Errorf("lab %s: after %s still waiting: %s; see: lagrum lab logs NODE", l.Name, nodesLimit, strings.Join(waiting, "; "))
		}
		fmt.Fprintf(out, "waiting for nodes, %s: %s\n", time.Since(started).Round(time.Second), strings.Join(waiting, "; "))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Second):
		}
	}
}

// awaitAgents waits until the node agents run on every node: a refresh before that would rightly find them unready.
func (l *Lab) awaitAgents(ctx context.Context) error {
	cmd := l.command(ctx, "kubectl", "--namespace=kube-system", "rollout", "status", "daemonset",
		"--selector=app.kubernetes.io/managed-by=lagrum", "--timeout="+nodesLimit.String())
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("lab %s: node agents: %w\n%s", l.Name, err, text)
	}
	return nil
}

// summary is what a person wants to see after Up.
func (l *Lab) summary(ctx context.Context, out io.Writer, t *timings) error {
	fmt.Fprintf(out, "\nlab %s is up after %s\n%s\n", l.Name, t.total.Round(time.Second), t)
	if err := l.Status(ctx, out); err != nil {
		return err
	}
	fmt.Fprintf(out, `
next:
  eval "$(bin/lagrum lab env)"
  kubectl get nodes -o wide
  pulumi preview --diff
  bin/lagrum lab benchmark
  make down
`)
	return nil
}

// Status prints the machines, the endpoint and the nodes as far as there are any, and what this host cannot prove. It
// is most needed when something failed, so it shows what it can.
func (l *Lab) Status(ctx context.Context, out io.Writer) error {
	if _, err := os.Stat(l.State); err != nil {
		return fmt.Errorf("lab %s is not up; run: make up", l.Name)
	}
	host, err := l.host()
	if err != nil {
		return err
	}
	made, err := host.Machines()
	if err != nil {
		return err
	}
	if l.noMachines != nil {
		fmt.Fprintf(out, "machines   none, and nodes are simulated: %v\n", l.noMachines)
	}
	values, err := l.outputs(ctx)
	if err != nil {
		fmt.Fprintf(out, "stack      %v\n", err)
	}
	fmt.Fprintf(out, "endpoint   %s\n", orNone(strings.Trim(string(values["endpoint"]), `"`)))
	known := map[string]node{}
	if _, err := os.Stat(l.kubeconfig()); err == nil {
		fmt.Fprintf(out, "kubeconfig %s\n", l.kubeconfig())
		nodes, err := l.nodes(ctx)
		if err != nil {
			fmt.Fprintf(out, "nodes      %v\n", err)
		}
		for _, n := range nodes {
			known[n.Metadata.Name] = n
		}
	}
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "MACHINE\tROLE\tADDRESS\tPOWER\tNODE\tKUBELET\tRUNTIME")
	for _, m := range made {
		n, joined := known[m.Name]
		state := "has not joined"
		if ready, _ := n.ready(); ready {
			state = "ready"
		} else if joined {
			state = "not ready"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", m.Name, m.Role, m.Address, m.Status(), state,
			orNone(n.Status.NodeInfo.KubeletVersion), orNone(n.Status.NodeInfo.ContainerRuntimeVersion))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nnot provable on this host:")
	for _, what := range l.notProvable() {
		fmt.Fprintln(out, "  - "+what)
	}
	return nil
}

func orNone(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// Kubeconfig fetches the administrator's kubeconfig from the stack and prints where it lies.
func (l *Lab) Kubeconfig(ctx context.Context, out io.Writer) error {
	if err := l.writeKubeconfig(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, l.kubeconfig())
	return nil
}

// Logs prints a machine's console.
func (l *Lab) Logs(out io.Writer, name string) error {
	host, err := l.host()
	if err != nil {
		return err
	}
	f, err := os.Open(host.ConsoleLog(name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("lab %s has no machine %q; lagrum lab status lists them", l.Name, name)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(out, f)
	return err
}

// Down removes every trace of the lab but the cache.
func (l *Lab) Down(ctx context.Context, out io.Writer) error {
	host, err := l.host()
	if err != nil {
		return err
	}
	removed, err := host.Down(ctx)
	for _, what := range removed {
		fmt.Fprintln(out, "removed "+what)
	}
	if err == nil {
		err = debian.RemovePolicy()
	}
	if err != nil {
		return fmt.Errorf("lab %s: %w", l.Name, err)
	}
	fmt.Fprintf(out, "lab %s is down; the cache stays in %s\n", l.Name, l.Cache)
	return nil
}
