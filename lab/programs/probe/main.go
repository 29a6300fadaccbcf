// Command probe is the lab's test workload: one static program that serves HTTP, fetches a URL and looks a name up, so that end-to-end tests can ask from
// inside a pod what the network and the cluster's DNS let through.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

const usage = `usage: probe COMMAND

  serve [-address :8080]         answer every HTTP request with this host's name and the caller's address
  get [-timeout 5s] URL          print the body that URL answers; fail unless the status is 2xx
  connect [-timeout 5s] ADDRESS  open a TCP connection to host:port and close it
  lookup [-timeout 5s] NAME      print the addresses of NAME, one a line, sorted
  sleep                          wait until told to end
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("no command\n" + usage)
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	address := flags.String("address", ":8080", "address that serve listens on")
	timeout := flags.Duration("timeout", 5*time.Second, "how long get, connect and lookup may take")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "serve":
		return serve(ctx, *address)
	case "sleep":
		<-ctx.Done()
		return nil
	}
	if flags.NArg() != 1 {
		return fmt.Errorf("%s: want one operand, got %q\n%s", args[0], flags.Args(), usage)
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	switch args[0] {
	case "get":
		return get(ctx, flags.Arg(0), out)
	case "connect":
		return connect(ctx, flags.Arg(0))
	case "lookup":
		return lookup(ctx, flags.Arg(0), out)
	}
	return fmt.Errorf("no command %q\n%s", args[0], usage)
}

func serve(ctx context.Context, address string) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	server := &http.Server{
		Addr:              address,
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "host %s path %s from %s\n", host, r.URL.Path, r.RemoteAddr)
		}),
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func get(ctx context.Context, url string, out io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(out, response.Body); err != nil {
		return fmt.Errorf("get %s: body: %w", url, err)
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("get %s: status %s", url, response.Status)
	}
	return nil
}

func connect(ctx context.Context, address string) error {
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return connection.Close()
}

func lookup(ctx context.Context, name string, out io.Writer) error {
	addresses, err := net.DefaultResolver.LookupHost(ctx, name)
	if err != nil {
		return err
	}
	slices.Sort(addresses)
	_, err = fmt.Fprintln(out, strings.Join(addresses, "\n"))
	return err
}
