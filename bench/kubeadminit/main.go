// Kubeadminit times a bare kubeadm init: one machine of the lab, the lab's own images, and nothing of Lagrum but that.
//
// It is what a person would do by hand, and so the measure that the product's way is held against: the machine boots the
// same root file system, imports the same image archives and runs kubeadm with its defaults. It makes a lab of its own
// and removes it wholly.
package main

import (
	"context"
	"crypto/tls"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lagrum/lagrum/lab/artifacts"
	"github.com/lagrum/lagrum/lab/machines"
	"github.com/lagrum/lagrum/lab/machines/rootfs"
)

// userData writes down when it begins and ends, on the clock that the machine shares with its host.
//
//go:embed user-data.yaml
var userData string

// node is the machine's name.
const node = "node"

// limit bounds the whole of it.
const limit = 15 * time.Minute

func main() {
	name := flag.String("lab", "bench", "name of the lab to make; it must not exist")
	checkout := flag.String("checkout", ".", "folder of the sources")
	cache := flag.String("cache", "", "the lab's cache, filled by lagrum lab build")
	cidr := flag.String("cidr", "172.31.249.0/24", "addresses of the lab's network")
	cpus := flag.Int("cpus", 2, "cores of the machine")
	memory := flag.Int("memory", 2048, "MiB of memory of the machine")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	spec := machines.MachineSpec{Name: node, Network: "net", Role: "control-plane", CPUs: *cpus, MemoryMiB: *memory, UserData: userData}
	if err := run(ctx, os.Stdout, *name, *checkout, *cache, *cidr, spec); err != nil {
		fmt.Fprintln(os.Stderr, "kubeadminit:", err)
		os.Exit(1)
	}
}

// run makes the lab, times the machine and removes the lab.
func run(ctx context.Context, out io.Writer, name, checkout, cache, cidr string, spec machines.MachineSpec) (err error) {
	host, err := machines.Open(name, "")
	if err != nil {
		return err
	}
	left, err := host.Leftovers(ctx)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("lab %s exists: %s; run: LAGRUM_LAB=%s make down", name, strings.Join(left, ", "), name)
	}
	defer func() {
		_, down := host.Down(context.WithoutCancel(ctx))
		err = errors.Join(err, down)
	}()
	if err := prepare(ctx, host, checkout, cache); err != nil {
		return err
	}
	if _, err := host.CreateNetwork(ctx, machines.NetworkSpec{Name: spec.Network, CIDR: cidr}, ""); err != nil {
		return err
	}
	begun := time.Now()
	machine, err := host.CreateMachine(ctx, spec, "")
	if err != nil {
		return err
	}
	running := time.Now()
	ready, err := awaitReadyz(ctx, host, machine.Address)
	if err != nil {
		return err
	}
	started, done, err := awaitInit(ctx, host)
	if err != nil {
		return err
	}
	for _, phase := range []struct {
		what string
		at   time.Time
	}{
		{"machine runs", running},
		{"images imported, kubeadm init starts", started},
		{"API server answers /readyz", ready},
		{"kubeadm init done", done},
	} {
		fmt.Fprintf(out, "| %s | %.1f |\n", phase.what, phase.at.Sub(begun).Seconds())
	}
	spent, err := number(ctx, host, "/run/bench/cpu")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "| processor time of the machine by then | %.1f |\n", spent)
	return nil
}

// prepare names the root file system and publishes the images that kubeadm's static pods need.
func prepare(ctx context.Context, host *machines.Lab, checkout, cache string) error {
	store, err := artifacts.Open(cache, filepath.Join(checkout, "lab/programs"))
	if err != nil {
		return err
	}
	layers, err := rootfs.Layers(ctx, store)
	if err != nil {
		return err
	}
	if err := host.UseRootFS(layers...); err != nil {
		return err
	}
	for _, archive := range []string{"pause", "kubernetes", "etcd"} {
		file, err := store.Archive(ctx, archive)
		if err != nil {
			return err
		}
		if err := host.Publish(file); err != nil {
			return err
		}
	}
	return nil
}

// awaitReadyz returns when the API server first answered that it is ready. Its certificate is not looked at: nothing is
// sent to it and nothing is believed but the time.
func awaitReadyz(ctx context.Context, host *machines.Lab, address string) (time.Time, error) {
	client := http.Client{
		Timeout:   2 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	}
	url := "https://" + net.JoinHostPort(address, "6443") + "/readyz"
	for {
		if answer, err := client.Get(url); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return time.Now(), nil
			}
		}
		if err := failed(ctx, host); err != nil {
			return time.Time{}, err
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return time.Time{}, fmt.Errorf("%s does not answer: %w", url, err)
		}
	}
}

// awaitInit returns when kubeadm init began and when it ended, as the machine wrote it down.
func awaitInit(ctx context.Context, host *machines.Lab) (begun, done time.Time, err error) {
	for {
		done, err = moment(ctx, host, "/run/bench/done")
		if err == nil {
			begun, err = moment(ctx, host, "/run/bench/begun")
			return begun, done, err
		}
		if err := failed(ctx, host); err != nil {
			return begun, done, err
		}
		if err := pause(ctx, time.Second); err != nil {
			return begun, done, fmt.Errorf("kubeadm init is not done: %w", err)
		}
	}
}

// moment reads a point in time that the machine wrote down: seconds since 1970.
func moment(ctx context.Context, host *machines.Lab, file string) (time.Time, error) {
	seconds, err := number(ctx, host, file)
	return time.UnixMilli(int64(seconds * 1000)), err
}

// number reads a number that the machine wrote down.
func number(ctx context.Context, host *machines.Lab, file string) (float64, error) {
	cmd, err := host.Command(ctx, node, "cat", file)
	if err != nil {
		return 0, err
	}
	text, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", file, err)
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", file, err)
	}
	return value, nil
}

// failed returns what kubeadm said when it failed, and nil when it has not. A machine that has not got so far has said
// nothing yet.
func failed(ctx context.Context, host *machines.Lab) error {
	cmd, err := host.Command(ctx, node, "cat", "/run/bench/failed")
	if err != nil {
		return err
	}
	text, err := cmd.Output()
	if err != nil {
		return nil
	}
	return fmt.Errorf("kubeadm init failed:\n%s", text)
}

func pause(ctx context.Context, length time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(length):
		return nil
	}
}
