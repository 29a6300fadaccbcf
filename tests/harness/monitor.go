package harness

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
)

// monitor plays the engine for one run. The SDK calls it from many goroutines.
type monitor struct {
	pulumirpc.UnimplementedResourceMonitorServer
	engine

	options Options

	mu       sync.Mutex
	made     []*Resource
	outputs  map[string]resource.PropertyMap // by URN; the stack's are the exports
	problems []error
	// markers are texts that only a secret may hold, each with the name of its origin.
	markers map[string]string
}

// engine is the other half: it takes the program's log.
type engine struct {
	pulumirpc.UnimplementedEngineServer

	logMu sync.Mutex
	log   []string
}

// serve answers on a loopback address of its own until the returned function ends it.
func serve(options Options) (*monitor, string, func(), error) {
	m := &monitor{options: options, outputs: map[string]resource.PropertyMap{}, markers: map[string]string{}}
	for key, value := range options.Secrets {
		m.markers[value] = "config " + key
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", nil, err
	}
	server := grpc.NewServer()
	pulumirpc.RegisterResourceMonitorServer(server, m)
	pulumirpc.RegisterEngineServer(server, &m.engine)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends with the error of a stopped server, which says nothing
	}()
	return m, listener.Addr().String(), func() { server.Stop(); <-done }, nil
}

// Log keeps what the program tells its user.
func (e *engine) Log(_ context.Context, in *pulumirpc.LogRequest) (*emptypb.Empty, error) {
	e.logMu.Lock()
	defer e.logMu.Unlock()
	e.log = append(e.log, fmt.Sprintf("%s: %s", strings.ToLower(in.GetSeverity().String()), in.GetMessage()))
	return &emptypb.Empty{}, nil
}

// GetDeploymentInfo names the features that the recorder has.
func (m *monitor) GetDeploymentInfo(context.Context, *emptypb.Empty) (*pulumirpc.DeploymentInfo, error) {
	return &pulumirpc.DeploymentInfo{Project: Project, Stack: m.options.Stack, SupportedFeatures: []pulumirpc.ResourceMonitorFeature{
		pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_SECRETS,
		pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
		pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
		pulumirpc.ResourceMonitorFeature_RESOURCE_MONITOR_FEATURE_DELETED_WITH,
	}}, nil
}

// SignalAndWaitForShutdown is the program's last call.
func (m *monitor) SignalAndWaitForShutdown(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// Invoke refuses: a program that asks a cloud while it decides depends on more than its site.
func (m *monitor) Invoke(_ context.Context, in *pulumirpc.ResourceInvokeRequest) (*pulumirpc.ResourceInvokeResponse, error) {
	return nil, m.refuse(fmt.Errorf("unexpected invoke %s", in.GetTok()))
}

// Call refuses like Invoke.
func (m *monitor) Call(_ context.Context, in *pulumirpc.ResourceCallRequest) (*pulumirpc.CallResponse, error) {
	return nil, m.refuse(fmt.Errorf("unexpected call %s", in.GetTok()))
}

// ReadResource refuses: what the program did not make is no part of the stack.
func (m *monitor) ReadResource(_ context.Context, in *pulumirpc.ReadResourceRequest) (*pulumirpc.ReadResourceResponse, error) {
	return nil, m.refuse(fmt.Errorf("unexpected read of %s %q", in.GetType(), in.GetName()))
}

func (m *monitor) refuse(err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.problems = append(m.problems, err)
	return err
}

// RegisterResource records a registration and answers as the real provider would.
func (m *monitor) RegisterResource(
	_ context.Context, in *pulumirpc.RegisterResourceRequest,
) (*pulumirpc.RegisterResourceResponse, error) {
	inputs, err := unmarshal(in.GetObject())
	if err != nil {
		return nil, m.refuse(fmt.Errorf("%s %q: %w", in.GetType(), in.GetName(), err))
	}
	made := newResource(m.options.Stack, in, inputs)
	if tokens.Type(in.GetType()) == resource.RootStackType {
		return &pulumirpc.RegisterResourceResponse{Urn: made.URN}, nil
	}
	m.mu.Lock()
	m.made = append(m.made, made)
	m.mu.Unlock()
	if !in.GetCustom() {
		return &pulumirpc.RegisterResourceResponse{Urn: made.URN, Object: in.GetObject()}, nil
	}

	state, markers, err := answer(made, m.options.Preview)
	if err != nil {
		return nil, m.refuse(fmt.Errorf("answer to %s: %w", made.URN, err))
	}
	m.mu.Lock()
	for _, marker := range markers {
		m.markers[marker] = made.URN
	}
	m.mu.Unlock()
	for _, output := range in.GetAdditionalSecretOutputs() {
		if value, ok := state[resource.PropertyKey(output)]; ok && !value.IsSecret() {
			state[resource.PropertyKey(output)] = resource.MakeSecret(value)
		}
	}
	object, err := plugin.MarshalProperties(state, marshalOptions())
	if err != nil {
		return nil, m.refuse(fmt.Errorf("answer to %s: %w", made.URN, err))
	}
	response := &pulumirpc.RegisterResourceResponse{Urn: made.URN, Object: object}
	if !m.options.Preview {
		response.Id = in.GetName() + "-id"
	}
	return response, nil
}

// RegisterResourceOutputs keeps the outputs of components and the exports of the stack.
func (m *monitor) RegisterResourceOutputs(
	_ context.Context, in *pulumirpc.RegisterResourceOutputsRequest,
) (*emptypb.Empty, error) {
	outputs, err := unmarshal(in.GetOutputs())
	if err != nil {
		return nil, m.refuse(fmt.Errorf("outputs of %s: %w", in.GetUrn(), err))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.outputs[in.GetUrn()] = outputs
	return &emptypb.Empty{}, nil
}

func unmarshal(object *structpb.Struct) (resource.PropertyMap, error) {
	return plugin.UnmarshalProperties(object, marshalOptions())
}

func marshalOptions() plugin.MarshalOptions {
	return plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepResources: true}
}

// recording freezes what was made, in the order of URNs: the order of registration is a race and means nothing.
func (m *monitor) recording() *Recording {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.logMu.Lock()
	defer m.logMu.Unlock()
	recording := &Recording{Resources: slices.Clone(m.made), Log: slices.Clone(m.log)}
	slices.SortStableFunc(recording.Resources, func(a, b *Resource) int { return strings.Compare(a.URN, b.URN) })
	for _, made := range recording.Resources {
		made.RawOutputs = m.outputs[made.URN]
		made.Outputs = plainMap(made.RawOutputs)
	}
	for urn, outputs := range m.outputs {
		if resource.URN(urn).QualifiedType() == resource.RootStackType {
			recording.RawExports, recording.Exports = outputs, plainMap(outputs)
		}
	}
	return recording
}

// broken lists the broken rules, in the order of URNs.
func (m *monitor) broken(recording *Recording) []error {
	m.mu.Lock()
	defer m.mu.Unlock()
	problems := slices.Clone(m.problems)
	seen := map[string]bool{}
	for _, made := range recording.Resources {
		if seen[made.URN] {
			problems = append(problems, fmt.Errorf("%s: two resources share this URN", made.URN))
		}
		seen[made.URN] = true
		if made.Custom && made.Provider == "" && !strings.HasPrefix(made.Type, "pulumi:") {
			problems = append(problems, fmt.Errorf("%s: no explicit provider", made.URN))
		}
		for _, leak := range leaks(made.Raw, m.markers) {
			problems = append(problems, fmt.Errorf("%s: input %s", made.URN, leak))
		}
		for _, leak := range leaks(made.RawOutputs, m.markers) {
			problems = append(problems, fmt.Errorf("%s: output %s", made.URN, leak))
		}
	}
	for _, leak := range leaks(recording.RawExports, m.markers) {
		problems = append(problems, fmt.Errorf("export %s", leak))
	}
	return problems
}
