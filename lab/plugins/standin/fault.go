package standin

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"

	"google.golang.org/grpc"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// faultVariable makes a stand-in kill the engine that started it, so that tests can show what a crash leaves and how
// it is healed: "before:<text>" kills before the create of the first resource whose URN contains the text, "after:<text>"
// once it is made and before the engine can write that down. It is for the lab only; an official plugin knows nothing
// of it.
const faultVariable = "LAGRUM_LAB_KILL_ENGINE"

// fault is a crash that was asked for.
type fault struct {
	after bool
	urn   string
	kill  func() error
}

// requestedFault reads faultVariable; nil if it is not set.
func requestedFault() (*fault, error) {
	value := os.Getenv(faultVariable)
	if value == "" {
		return nil, nil
	}
	when, urn, found := strings.Cut(value, ":")
	if !found || urn == "" || (when != "before" && when != "after") {
		return nil, fmt.Errorf("%s: %q is no fault; write before:<part of a URN> or after:<part of a URN>", faultVariable, value)
	}
	engine := os.Getppid()
	return &fault{after: when == "after", urn: urn, kill: func() error { return syscall.Kill(engine, syscall.SIGKILL) }}, nil
}

// intercept crashes the engine at the create that was named.
func (f *fault) intercept(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	create, ok := request.(*pulumirpc.CreateRequest)
	if !ok || create.GetPreview() || !strings.Contains(create.GetUrn(), f.urn) {
		return handle(ctx, request)
	}
	if !f.after {
		return nil, f.crash(ctx)
	}
	if _, err := handle(ctx, request); err != nil {
		return nil, err
	}
	return nil, f.crash(ctx)
}

// crash kills the engine and waits for this process to be ended in its wake.
func (f *fault) crash(ctx context.Context) error {
	if err := f.kill(); err != nil {
		return fmt.Errorf("%s: %w", faultVariable, err)
	}
	<-ctx.Done()
	return ctx.Err()
}
