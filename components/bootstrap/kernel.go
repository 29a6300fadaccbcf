package bootstrap

import (
	"bytes"
	"fmt"
)

// kernelSetting is a setting by its name, as sysctl(8) has it, and what it has to be.
type kernelSetting struct{ name, value string }

// What pods need of the kernel of every node.
var networkSettings = []kernelSetting{{"net.bridge.bridge-nf-call-iptables", "1"}, {"net.ipv4.ip_forward", "1"}}

// What the kubelet wants of a kernel (k8s.io/kubernetes/pkg/kubelet/cm, setupKernelTunables): memory is not refused to who asks,
// and a node that ran out of it, or whose kernel failed, says so and starts again. The kubelet would set them by itself; with
// protect-kernel-defaults it refuses to start where they are otherwise, so that nothing has changed them unseen.
var kubeletSettings = []kernelSetting{
	{"kernel.keys.root_maxbytes", "25000000"}, {"kernel.keys.root_maxkeys", "1000000"}, {"kernel.panic", "10"}, {"kernel.panic_on_oops", "1"},
	{"vm.overcommit_memory", "1"}, {"vm.panic_on_oom", "0"},
}

func (n Node) kernelSettings() []kernelSetting {
	if n.OwnKernel {
		return append(kubeletSettings[:len(kubeletSettings):len(kubeletSettings)], networkSettings...)
	}
	return networkSettings
}

// sysctls is the file by which a machine makes the settings each time it starts: the boot script makes them the first time.
func (n Node) sysctls() []byte {
	var out bytes.Buffer
	for _, s := range n.kernelSettings() {
		fmt.Fprintf(&out, "%s = %s\n", s.name, s.value)
	}
	return out.Bytes()
}
