package standin

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

const (
	// engineCheck is how often a plugin asks whether its engine still lives; the official plugins use the same.
	engineCheck = 5 * time.Minute
	// drain bounds how long running calls may take to end after the plugin was told to stop. The engine itself kills after 5 s.
	drain = 4 * time.Second
)

// Serve runs the resource plugin p until the engine goes away: it listens on a free port of 127.0.0.1, prints the port on standard output,
// and ends at the end of standard input (if that is a pipe, which the engine holds open as long as it lives), on SIGINT or SIGTERM, or when
// the engine no longer answers. So no plugin outlives its engine, even one that was killed. args are the program's arguments without its
// name: the engine's flags and its address.
func Serve(args []string, p plugin.Provider) error {
	return ServeGRPC(args, func(srv *grpc.Server, engine string) error {
		if attacher, ok := p.(plugin.GrpcProvider); ok {
			if err := attacher.Attach(engine); err != nil {
				return err
			}
		}
		pulumirpc.RegisterResourceProviderServer(srv, plugin.NewProviderServer(p))
		return nil
	}, p.Close)
}

// ServeGRPC is [Serve] for any plugin kind: register adds the services and gets the engine's address, which is empty if the plugin was started
// by hand. stop is called once, as soon as the plugin shall end, and must make running calls return.
func ServeGRPC(args []string, register func(srv *grpc.Server, engine string) error, stop func() error) error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	var stdin io.Reader
	if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeNamedPipe != 0 {
		stdin = os.Stdin
	}
	return serve(ctx, args, stdin, os.Stdout, register, stop)
}

// serve does the work of ServeGRPC. A nil stdin is not watched.
func serve(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer,
	register func(*grpc.Server, string) error, stop func() error,
) error {
	engine, err := engineAddress(args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if engine != "" {
		if err := rpcutil.Healthcheck(ctx, engine, engineCheck, cancel); err != nil {
			return fmt.Errorf("watch the engine at %q: %w", engine, err)
		}
	}
	if stdin != nil {
		go func() {
			// Nothing is ever sent: reading ends when the engine closes the pipe or dies.
			_, _ = io.Copy(io.Discard, stdin)
			cancel()
		}()
	}

	options := rpcutil.TracingServerInterceptorOptions(nil)
	crash, err := requestedFault()
	if err != nil {
		return err
	}
	if crash != nil {
		options = append(options, grpc.ChainUnaryInterceptor(crash.intercept))
	}
	end := make(chan bool)
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel:  end,
		Init:    func(srv *grpc.Server) error { return register(srv, engine) },
		Options: options,
	})
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	if _, err := fmt.Fprintf(stdout, "%d\n", handle.Port); err != nil {
		return fmt.Errorf("print the port: %w", err)
	}

	select {
	case err := <-handle.Done:
		return errors.Join(err, stop())
	case <-ctx.Done():
	}
	err = stop()
	close(end)
	select {
	case served := <-handle.Done:
		return errors.Join(err, served)
	case <-time.After(drain):
		return errors.Join(err, fmt.Errorf("calls still ran %s after the plugin was told to end", drain))
	}
}

// engineAddress reads the arguments that the CLI gives to a plugin: logging and tracing flags, which a stand-in ignores, then the address.
func engineAddress(args []string) (string, error) {
	flags := flag.NewFlagSet("plugin", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Bool("logtostderr", false, "")
	flags.Int("v", 0, "")
	flags.String("tracing", "", "")
	if err := flags.Parse(args); err != nil {
		return "", fmt.Errorf("plugin arguments %q: %w", args, err)
	}
	switch flags.NArg() {
	case 0:
		return "", nil
	case 1:
		return flags.Arg(0), nil
	}
	return "", fmt.Errorf("plugin arguments %q: want one engine address after the flags, got %d arguments", args, flags.NArg())
}
