// The program pulumi-resource-openstack of the lab is a stand-in for the official OpenStack plugin of Pulumi, for hosts where the official
// one cannot be installed. Its resource code is the real one: the Terraform provider that the official plugin bridges too, at the same
// version. README.md lists what differs.
//
// It is a module of its own so that the bridge's dependencies never enter the module graph of the product or of the companion command.
package main

import (
	"strings"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/terraform-provider-openstack/terraform-provider-openstack/openstack"
)

// sdkVersion is the version of Pulumi's SDK whose programs this plugin serves; the engine asks for it by number.
const sdkVersion = "3.13.3"

const pkg = "openstack"

func main() {
	// The schema is for code generation alone; the SDK exists already.
	tfbridge.Main(pkg, sdkVersion, provider(), []byte("{}"))
}

// provider maps the Terraform provider's resources to the types of the SDK.
func provider() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:           shimv2.NewProvider(openstack.Provider()),
		Name:        pkg,
		Version:     sdkVersion,
		Resources:   map[string]*tfbridge.ResourceInfo{},
		DataSources: map[string]*tfbridge.DataSourceInfo{},
	}
	for name, member := range resources {
		info.Resources[name] = &tfbridge.ResourceInfo{Tok: tokens.Type(token(member))}
	}
	for name, member := range dataSources {
		info.DataSources[name] = &tfbridge.DataSourceInfo{Tok: tokens.ModuleMember(token(member))}
	}
	// Two spellings of one list would get one plural name.
	info.Resources["openstack_networking_subnet_v2"].Fields = map[string]*tfbridge.SchemaInfo{
		"allocation_pool":  {Name: "allocationPools"},
		"allocation_pools": {Name: "allocationPoolsCollection"},
	}
	info.Resources["openstack_orchestration_stack_v1"].Fields = map[string]*tfbridge.SchemaInfo{
		"outputs": {Name: "StackOutputs"}, // so the SDK spells it
	}
	info.SetAutonaming(255, "-")
	return info
}

// token is "openstack:compute/instance:Instance" for "compute/Instance".
func token(member string) string {
	module, name, _ := strings.Cut(member, "/")
	return pkg + ":" + module + "/" + strings.ToLower(name[:1]) + name[1:] + ":" + name
}
