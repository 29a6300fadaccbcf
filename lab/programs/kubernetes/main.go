// Command kube is Kubernetes in one multi-call binary: it runs the program whose name it was called by, from upstream's own command packages.
//
// Seven programs share nearly all their code. Linked together they compile and link once, and one image layer serves the control plane, kube-proxy and kubectl.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	_ "time/tzdata" // CronJobs name time zones, and the images carry no zone files.

	"github.com/spf13/cobra"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubeadm "k8s.io/kubernetes/cmd/kubeadm/app"
	kubeadmerrors "k8s.io/kubernetes/cmd/kubeadm/app/util/errors"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	programs := map[string]func(){
		"kube-apiserver":          func() { os.Exit(cli.Run(apiserver.NewAPIServerCommand())) },
		"kube-controller-manager": func() { os.Exit(cli.Run(controllermanager.NewControllerManagerCommand())) },
		"kube-proxy":              func() { os.Exit(cli.Run(proxy.NewProxyCommand())) },
		"kube-scheduler":          func() { os.Exit(cli.Run(scheduler.NewSchedulerCommand())) },
		"kubeadm":                 runKubeadm,
		"kubectl":                 runKubectl,
		"kubelet":                 func() { os.Exit(cli.Run(newKubelet())) },
	}
	// "kube NAME …" is the same as "NAME …", for places that cannot make a link.
	if _, named := programs[filepath.Base(os.Args[0])]; !named && len(os.Args) > 1 {
		os.Args = os.Args[1:]
	}
	run, ok := programs[filepath.Base(os.Args[0])]
	if !ok {
		names := make([]string, 0, len(programs))
		for name := range programs {
			names = append(names, name)
		}
		slices.Sort(names)
		fmt.Fprintf(os.Stderr, "kube: no program %q: call it as one of %s\n", filepath.Base(os.Args[0]), strings.Join(names, ", "))
		os.Exit(2)
	}
	run()
}

func newKubelet() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) }

func runKubeadm() {
	dropForeignFlags()
	kubeadmerrors.HandleError(kubeadm.Run())
}

func runKubectl() {
	dropForeignFlags()
	// kubectl logs while it is still constructing its command, before cobra parses --v.
	_, _ = logs.GlogSetter(kubectl.GetLogVerbosity(os.Args))
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
}

// dropForeignFlags forgets the flags that the kubelet's packages register when imported: kubeadm and kubectl would offer them as their own.
func dropForeignFlags() { flag.CommandLine = flag.NewFlagSet(os.Args[0], flag.ExitOnError) }
