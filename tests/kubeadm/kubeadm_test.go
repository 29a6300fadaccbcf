package kubeadm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/apis/apiserver"
	apiserverinstall "k8s.io/apiserver/pkg/apis/apiserver/install"
	apiservervalidation "k8s.io/apiserver/pkg/apis/apiserver/validation"
	"k8s.io/apiserver/pkg/apis/audit"
	auditinstall "k8s.io/apiserver/pkg/apis/audit/install"
	auditvalidation "k8s.io/apiserver/pkg/apis/audit/validation"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/client-go/tools/clientcmd"
	kubeadmapi "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm"
	initphases "k8s.io/kubernetes/cmd/kubeadm/app/cmd/phases/init"
	"k8s.io/kubernetes/cmd/kubeadm/app/constants"
	"k8s.io/kubernetes/cmd/kubeadm/app/images"
	configutil "k8s.io/kubernetes/cmd/kubeadm/app/util/config"
	kubeconfigutil "k8s.io/kubernetes/cmd/kubeadm/app/util/kubeconfig"
	eventratelimit "k8s.io/kubernetes/plugin/pkg/admission/eventratelimit/apis/eventratelimit"
	eventratelimitinstall "k8s.io/kubernetes/plugin/pkg/admission/eventratelimit/apis/eventratelimit/install"
	eventratelimitvalidation "k8s.io/kubernetes/plugin/pkg/admission/eventratelimit/apis/eventratelimit/validation"
	podsecurity "k8s.io/pod-security-admission/admission/api"
	podsecurityscheme "k8s.io/pod-security-admission/admission/api/scheme"
	podsecurityvalidation "k8s.io/pod-security-admission/admission/api/validation"
	"sigs.k8s.io/yaml"
)

const goldens = "../../components/bootstrap/testdata"

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(goldens, name))
	require.NoError(t, err, "the golden files of components/bootstrap come first: go test ./components/bootstrap")
	return content
}

// kubeadm validates its configuration as kubeadm config validate does: known kinds, known fields, legal values.
func validate(config []byte) error { return configutil.ValidateConfig(config, false, false) }

// configuration is the file of one node. kubeadm looks whether the discovery file exists, so it is told where the golden
// one lies.
func configuration(t *testing.T, node string) string {
	t.Helper()
	join, err := filepath.Abs(filepath.Join(goldens, "join.conf"))
	require.NoError(t, err)
	config := string(read(t, node+"/files/etc/lagrum/kubeadm.yaml"))
	require.Equal(t, node != "init", strings.Contains(config, "kubeConfigPath: /run/lagrum/join.conf\n"))
	return strings.Replace(config, "/run/lagrum/join.conf", join, 1)
}

func TestKubeadmTakesTheConfiguration(t *testing.T) {
	for _, node := range []string{"init", "join-control-plane", "join-worker", "join-worker-cloud"} {
		t.Run(node, func(t *testing.T) {
			assert.NoError(t, validate([]byte(configuration(t, node))))
		})
	}
}

// Each row breaks one golden in one place: a check that lets it pass is no check.
func TestKubeadmRefuses(t *testing.T) {
	tests := []struct {
		name, node, from, to, want string
	}{
		{"unknown field of InitConfiguration", "init", "localAPIEndpoint:\n  bindPort: 6443\n", "localAPIEndpoint:\n  bindPort: 6443\n  bindHost: x\n", `unknown field "localAPIEndpoint.bindHost"`},
		{"unknown field of ClusterConfiguration", "init", "clusterName: se-test\n", "clusterName: se-test\nclusterOwner: x\n", `unknown field "clusterOwner"`},
		{"unknown field of KubeletConfiguration", "init", "rotateCertificates: true\n", "rotateCertificates: true\nrotateCertificate: true\n", `unknown field "rotateCertificate"`},
		{"unknown field of JoinConfiguration", "join-worker", "  imagePullPolicy: IfNotPresent\n", "  imagePullPolicy: IfNotPresent\n  imagePullSecret: x\n", `unknown field "nodeRegistration.imagePullSecret"`},
		{"arguments as a map, as before v1beta4", "init", "scheduler:\n  extraArgs:\n", "scheduler:\n  extraArgs: {profiling: \"false\"}\n  extraEnvs:\n", "scheduler.extraArgs"},
		{"unknown algorithm", "init", "ECDSA-P256", "ECDSA-P521", "ECDSA-P521"},
		{"node name that is none", "join-worker", "name: ward-1-g1", "name: ward_1", "ward_1"},
		{"discovery file that is not there", "join-worker", "    kubeConfigPath: /", "    kubeConfigPath: /nowhere/", "discovery.file.kubeConfigPath"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config := configuration(t, tt.node)
			require.Contains(t, config, tt.from)
			assert.ErrorContains(t, validate([]byte(strings.Replace(config, tt.from, tt.to, 1))), tt.want)
		})
	}
}

func initConfiguration(t *testing.T) *kubeadmapi.InitConfiguration {
	t.Helper()
	config, err := configutil.BytesToInitConfiguration(read(t, "init/files/etc/lagrum/kubeadm.yaml"), true)
	require.NoError(t, err)
	return config
}

// kubeadm wants these images on a control plane before it starts: the catalogue and the pinned sandbox image have to
// agree with it, and the add-ons that the program declares itself are not among them.
func TestKubeadmWantsTheseImages(t *testing.T) {
	config := initConfiguration(t)
	assert.Equal(t, []string{
		"registry.example.se/mirror/kube-apiserver:v1.36.3",
		"registry.example.se/mirror/kube-controller-manager:v1.36.3",
		"registry.example.se/mirror/kube-scheduler:v1.36.3",
		"registry.example.se/mirror/pause:3.10.2",
		"registry.example.se/mirror/etcd:3.6.5-0",
	}, images.GetControlPlaneImages(&config.ClusterConfiguration))
	assert.Contains(t, string(read(t, "init/files/etc/lagrum/node.env")), "LAGRUM_PAUSE_IMAGE='registry.example.se/mirror/pause:3.10.2'\n")
}

// The sandbox image of every declared stack is the one that kubeadm of that version asks for: another tag is pulled in
// vain, from a mirror that does not have it.
func TestPlansPinKubeadmsPauseImage(t *testing.T) {
	plans, err := filepath.Glob("../../stacks/plan/testdata/*.plan.json")
	require.NoError(t, err)
	checked := 0
	for _, path := range plans {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		var plan struct {
			Cluster struct {
				Version  string `json:"version"`
				PauseTag string `json:"pauseTag"`
			} `json:"cluster"`
		}
		require.NoError(t, yaml.Unmarshal(content, &plan))
		if plan.Cluster.Version == initConfiguration(t).KubernetesVersion {
			assert.Equal(t, constants.PauseVersion, plan.Cluster.PauseTag, path)
			checked++
		}
	}
	assert.NotZero(t, checked, "no declared stack runs the version that this module is pinned to")
}

// A phase that is skipped has to exist, and so has to every phase that another one waits for.
func TestSkippedPhasesExist(t *testing.T) {
	bootstrapToken, showJoinCommand := initphases.NewBootstrapTokenPhase(), initphases.NewShowJoinCommandPhase()
	assert.Equal(t, []string{bootstrapToken.Name, showJoinCommand.Name}, initConfiguration(t).SkipPhases)
	assert.Contains(t, showJoinCommand.Dependencies, bootstrapToken.Name, "why the second is skipped too")
}

// The discovery file has everything in it that kubeadm join and the kubelet ask for.
func TestKubeadmTakesTheJoinCredential(t *testing.T) {
	config, err := clientcmd.Load(read(t, "join.conf"))
	require.NoError(t, err)
	require.NoError(t, clientcmd.Validate(*config))
	assert.True(t, kubeconfigutil.HasAuthenticationCredentials(config), "no bootstrap token is asked for")
	require.NoError(t, kubeconfigutil.EnsureAuthenticationInfoAreEmbedded(config))
	_, cluster, err := kubeconfigutil.GetClusterFromKubeConfig(config)
	require.NoError(t, err)
	assert.Equal(t, "https://10.64.0.5:6443", cluster.Server)
	_, err = kubeconfigutil.ToClientSet(config)
	assert.NoError(t, err, "certificate and key belong together")
	assert.Len(t, config.Contexts, 1)
}

// decode reads a file strictly into the internal type that the API server works with.
func decode(install func(*runtime.Scheme), content []byte, into runtime.Object) error {
	scheme := runtime.NewScheme()
	install(scheme)
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	return runtime.DecodeInto(codecs.UniversalDecoder(), content, into)
}

func decodeAudit(content []byte) (*audit.Policy, error) {
	policy := &audit.Policy{}
	return policy, decode(auditinstall.Install, content, policy)
}

func decodeEncryption(content []byte) (*apiserver.EncryptionConfiguration, error) {
	config := &apiserver.EncryptionConfiguration{}
	return config, decode(apiserverinstall.Install, content, config)
}

func decodeAuthentication(content []byte) (*apiserver.AuthenticationConfiguration, error) {
	config := &apiserver.AuthenticationConfiguration{}
	return config, decode(apiserverinstall.Install, content, config)
}

// decodeAdmission reads the file and, inside it, the configuration of each plugin.
func decodeAdmission(content []byte) (*podsecurity.PodSecurityConfiguration, error) {
	config := &apiserver.AdmissionConfiguration{}
	if err := decode(apiserverinstall.Install, content, config); err != nil {
		return nil, err
	}
	if len(config.Plugins) != 2 || config.Plugins[0].Name != "PodSecurity" || config.Plugins[0].Configuration == nil ||
		config.Plugins[1].Name != "EventRateLimit" || config.Plugins[1].Configuration == nil {
		return nil, os.ErrNotExist
	}
	limits := &eventratelimit.Configuration{}
	if err := decode(eventratelimitinstall.Install, config.Plugins[1].Configuration.Raw, limits); err != nil {
		return nil, err
	}
	if errs := eventratelimitvalidation.ValidateConfiguration(limits); len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	plugin := &podsecurity.PodSecurityConfiguration{}
	return plugin, runtime.DecodeInto(podsecurityscheme.Codecs.UniversalDecoder(), config.Plugins[0].Configuration.Raw, plugin)
}

func TestAPIServerTakesItsFiles(t *testing.T) {
	t.Run("login", func(t *testing.T) {
		authentication, err := decodeAuthentication(read(t, "login/authentication.yaml"))
		require.NoError(t, err)
		compiler := authenticationcel.NewCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
		assert.Empty(t, apiservervalidation.ValidateAuthenticationConfiguration(compiler, authentication, nil))
		assert.Len(t, authentication.JWT, 2)
	})
	for _, node := range []string{"init", "join-control-plane"} {
		dir := node + "/files/etc/kubernetes/lagrum/"
		t.Run(node, func(t *testing.T) {
			policy, err := decodeAudit(read(t, dir+"audit.yaml"))
			require.NoError(t, err)
			assert.Empty(t, auditvalidation.ValidatePolicy(policy))

			authentication, err := decodeAuthentication(read(t, dir+"authentication.yaml"))
			require.NoError(t, err)
			compiler := authenticationcel.NewCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
			assert.Empty(t, apiservervalidation.ValidateAuthenticationConfiguration(compiler, authentication, nil))
			assert.Equal(t, &apiserver.AnonymousAuthConfig{
				Enabled:    true,
				Conditions: []apiserver.AnonymousAuthCondition{{Path: "/healthz"}, {Path: "/livez"}, {Path: "/readyz"}},
			}, authentication.Anonymous, "anonymous requests reach health and nothing else")

			plugin, err := decodeAdmission(read(t, dir+"admission.yaml"))
			require.NoError(t, err)
			assert.Empty(t, podsecurityvalidation.ValidatePodSecurityConfiguration(plugin))
			assert.Equal(t, podsecurity.PodSecurityDefaults{
				Enforce: "restricted", EnforceVersion: "latest",
				Audit: "restricted", AuditVersion: "latest",
				Warn: "restricted", WarnVersion: "latest",
			}, plugin.Defaults)
			assert.Equal(t, podsecurity.PodSecurityExemptions{Namespaces: []string{"kube-system"}}, plugin.Exemptions)
		})
	}
	encryption, err := decodeEncryption(read(t, "encryption.yaml"))
	require.NoError(t, err)
	assert.Empty(t, apiservervalidation.ValidateEncryptionConfiguration(encryption, false))
	require.Len(t, encryption.Resources, 1)
	assert.Equal(t, []string{"secrets", "configmaps", "*.dex.coreos.com"}, encryption.Resources[0].Resources)
	require.Len(t, encryption.Resources[0].Providers, 2)
	assert.NotNil(t, encryption.Resources[0].Providers[0].Secretbox, "the first provider writes")
	assert.NotNil(t, encryption.Resources[0].Providers[1].Identity, "the last one reads what is still in clear")
}

func TestAPIServerRefuses(t *testing.T) {
	dir := "init/files/etc/kubernetes/lagrum/"
	tests := []struct {
		name, file, from, to string
		decode               func([]byte) error
	}{
		{"audit policy with an unknown field", dir + "audit.yaml", "omitStages:", "omitStage: []\nomitStages:", func(b []byte) error { _, err := decodeAudit(b); return err }},
		{"admission configuration with an unknown field", dir + "admission.yaml", "  name: PodSecurity", "  nickname: x\n  name: PodSecurity", func(b []byte) error { _, err := decodeAdmission(b); return err }},
		{"pod security with an unknown field", dir + "admission.yaml", "      warn: restricted", "      warm: restricted\n      warn: restricted", func(b []byte) error { _, err := decodeAdmission(b); return err }},
		{"event limits with an unknown field", dir + "admission.yaml", "    - burst: 5000", "    - bursts: 1\n      burst: 5000", func(b []byte) error { _, err := decodeAdmission(b); return err }},
		{"authentication configuration with an unknown field", dir + "authentication.yaml", "  enabled: true", "  enable: true\n  enabled: true", func(b []byte) error { _, err := decodeAuthentication(b); return err }},
		{"encryption configuration with an unknown field", "encryption.yaml", "        secret:", "        secrets: x\n        secret:", func(b []byte) error { _, err := decodeEncryption(b); return err }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			content := string(read(t, tt.file))
			require.Contains(t, content, tt.from)
			assert.ErrorContains(t, tt.decode([]byte(strings.Replace(content, tt.from, tt.to, 1))), "unknown field")
		})
	}
}
