package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// settings are the arguments of the provider resource.
type settings struct {
	kubeconfig        string // the contents of a kubeconfig or the path to one
	context           string
	clusterName       string // key cluster
	namespace         string
	clusterIdentifier string

	deleteUnreachable   bool
	configMapMutable    bool
	secretMutable       bool
	patchForce          bool
	upsert              bool
	suppressDeprecation bool

	client clientSettings
}

// clientSettings tune the client. By default it does not limit itself: objects that are waited for are polled, and the API server's own
// priority and fairness divides its time.
type clientSettings struct {
	Burst   int     `json:"burst"`   // requests; default 0, which is client-go's default if QPS is limited
	QPS     float32 `json:"qps"`     // requests per second; default -1, no limit
	Timeout int     `json:"timeout"` // seconds per request; default 30
}

// unsupported are the arguments of the official plugin that this one refuses instead of ignoring.
var unsupported = [...]resource.PropertyKey{"renderYamlToDirectory", "skipUpdateUnreachable", "helmReleaseSettings"}

// CheckConfig marks the kubeconfig secret, and refuses what the stand-in cannot do.
func (p *Provider) CheckConfig(_ context.Context, req plugin.CheckConfigRequest) (plugin.CheckConfigResponse, error) {
	news := req.News.Copy()
	var failures []plugin.CheckFailure
	for _, key := range unsupported {
		if v, ok := at(news, key); ok && !isFalse(v) {
			failures = append(failures, plugin.CheckFailure{Property: key, Reason: "the lab's stand-in does not support this argument; remove it"})
		}
	}
	if v, ok := at(news, "enableServerSideApply"); ok && isFalse(v) {
		failures = append(failures, plugin.CheckFailure{
			Property: "enableServerSideApply", Reason: "the lab's stand-in knows server-side apply only; remove the argument",
		})
	}
	switch v, ok := at(news, "kubeconfig"); {
	case !ok && !unknownAt(news, "kubeconfig"):
		failures = append(failures, plugin.CheckFailure{
			Property: "kubeconfig", Reason: "the lab's stand-in never uses the kubeconfig of the shell: give the provider one",
		})
	case v.IsString() && !news["kubeconfig"].IsSecret():
		news["kubeconfig"] = resource.MakeSecret(news["kubeconfig"])
	}
	return plugin.CheckConfigResponse{Properties: news, Failures: failures}, nil
}

func isFalse(v resource.PropertyValue) bool {
	return v.IsBool() && !v.BoolValue() || v.IsString() && (v.StringValue() == "" || v.StringValue() == "false")
}

// DiffConfig replaces the provider, and with it every object behind it, only if clusterIdentifier changes. Without a clusterIdentifier on both
// sides it replaces if the kubeconfig's cluster changes or is not known yet, as the official plugin does.
func (p *Provider) DiffConfig(_ context.Context, req plugin.DiffConfigRequest) (plugin.DiffConfigResponse, error) {
	olds, news := req.OldInputs, req.NewInputs
	if olds == nil {
		olds = req.OldOutputs
	}
	result := detail(compare(olds, news))
	if len(result.DetailedDiff) == 0 {
		return result, nil
	}
	replaceOn := func(keys ...resource.PropertyKey) {
		for _, key := range keys {
			if change, ok := result.DetailedDiff[string(key)]; ok {
				result.DetailedDiff[string(key)] = change.ToReplace()
			}
		}
	}
	_, hadIdentifier := at(olds, "clusterIdentifier")
	_, hasIdentifier := at(news, "clusterIdentifier")
	switch {
	case hadIdentifier && hasIdentifier:
		replaceOn("clusterIdentifier")
	case news.ContainsUnknowns():
		replaceOn("kubeconfig", "context", "cluster")
	default:
		same, err := sameCluster(olds, news)
		if err != nil {
			return plugin.DiffConfigResponse{}, err
		}
		if !same {
			replaceOn("kubeconfig", "context", "cluster")
		}
	}
	return withKeys(result), nil
}

// sameCluster compares the clusters that two configurations choose. An entry that cannot be found counts as the same: that is no reason to
// delete anything.
func sameCluster(olds, news resource.PropertyMap) (bool, error) {
	var chosen [2]*clientapi.Cluster
	for i, props := range []resource.PropertyMap{olds, news} {
		s, err := readSettings(props, func(string) string { return "" })
		if err != nil {
			return false, err
		}
		kubeconfig, err := loadKubeconfig(s.kubeconfig)
		if err != nil {
			return false, err
		}
		current := kubeconfig.CurrentContext
		if s.context != "" {
			current = s.context
		}
		name := s.clusterName
		if c := kubeconfig.Contexts[current]; c != nil && name == "" {
			name = c.Cluster
		}
		chosen[i] = kubeconfig.Clusters[name]
	}
	return chosen[0] == nil || chosen[1] == nil || reflect.DeepEqual(chosen[0], chosen[1]), nil
}

// Configure connects the provider to its cluster, without a request to it. If an argument is unknown (a preview before the cluster exists) the
// provider stays unconfigured.
func (p *Provider) Configure(_ context.Context, req plugin.ConfigureRequest) (plugin.ConfigureResponse, error) {
	if req.Inputs.ContainsUnknowns() {
		return plugin.ConfigureResponse{}, nil
	}
	s, err := readSettings(req.Inputs, p.getenv)
	if err != nil {
		return plugin.ConfigureResponse{}, err
	}
	p.settings = s
	if s.kubeconfig == "" {
		return plugin.ConfigureResponse{}, nil
	}
	p.cluster, err = connect(s, p.warn)
	return plugin.ConfigureResponse{}, err
}

// readSettings takes the arguments from props; the engine may give a value as it is or as its JSON text. getenv is asked for those arguments
// that the official plugin also reads from the environment.
func readSettings(props resource.PropertyMap, getenv func(string) string) (settings, error) {
	s := settings{client: clientSettings{QPS: -1, Timeout: 30}}
	for key, field := range map[resource.PropertyKey]*string{
		"kubeconfig": &s.kubeconfig, "context": &s.context, "cluster": &s.clusterName,
		"namespace": &s.namespace, "clusterIdentifier": &s.clusterIdentifier,
	} {
		v, ok := at(props, key)
		switch {
		case !ok:
		case v.IsString():
			*field = v.StringValue()
		case v.IsObject() && key == "kubeconfig":
			data, err := json.Marshal(plainValue(v))
			if err != nil {
				return s, fmt.Errorf("provider argument kubeconfig: %w", err)
			}
			*field = string(data)
		default:
			return s, fmt.Errorf("provider argument %s: got %s, want a text", key, v.TypeString())
		}
	}
	for key, flag := range map[resource.PropertyKey]struct {
		field    *bool
		variable string
	}{
		"deleteUnreachable":           {&s.deleteUnreachable, "PULUMI_K8S_DELETE_UNREACHABLE"},
		"enableConfigMapMutable":      {&s.configMapMutable, "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"},
		"enableSecretMutable":         {&s.secretMutable, "PULUMI_K8S_ENABLE_SECRET_MUTABLE"},
		"enablePatchForce":            {&s.patchForce, "PULUMI_K8S_ENABLE_PATCH_FORCE"},
		"upsertExistingObjects":       {&s.upsert, "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"},
		"suppressDeprecationWarnings": {&s.suppressDeprecation, "PULUMI_K8S_SUPPRESS_DEPRECATION_WARNINGS"},
	} {
		v, ok := at(props, key)
		switch {
		case !ok:
			*flag.field = getenv(flag.variable) == "true"
		case v.IsBool():
			*flag.field = v.BoolValue()
		case v.IsString() && slices.Contains([]string{"", "true", "false"}, v.StringValue()):
			*flag.field = v.StringValue() == "true"
		default:
			return s, fmt.Errorf("provider argument %s: want true or false, got %v", key, plainValue(v))
		}
	}
	if v, ok := at(props, "kubeClientSettings"); ok {
		data, err := json.Marshal(plainValue(v))
		if v.IsString() {
			data, err = []byte(v.StringValue()), nil
		}
		if err == nil {
			err = json.Unmarshal(data, &s.client)
		}
		if err != nil {
			return s, fmt.Errorf("provider argument kubeClientSettings: %w", err)
		}
	}
	return s, nil
}

// loadKubeconfig reads a kubeconfig given by its contents or, if it is a single line that is no JSON, by its path.
func loadKubeconfig(pathOrContents string) (*clientapi.Config, error) {
	contents := []byte(pathOrContents)
	if !strings.Contains(pathOrContents, "\n") && !strings.HasPrefix(strings.TrimSpace(pathOrContents), "{") && pathOrContents != "" {
		var err error
		if contents, err = os.ReadFile(pathOrContents); err != nil {
			// The text may be a key that was meant as contents: it is not quoted.
			return nil, fmt.Errorf("provider argument kubeconfig: one line of %d bytes that is no path of a file: give the contents of a kubeconfig "+
				"or the path to one", len(pathOrContents))
		}
	}
	kubeconfig, err := clientcmd.Load(contents)
	if err != nil {
		// The parser quotes what it could not read, which may be a key.
		return nil, fmt.Errorf("provider argument kubeconfig: its %d bytes are no kubeconfig; print it with pulumi stack output --show-secrets", len(contents))
	}
	return kubeconfig, nil
}
