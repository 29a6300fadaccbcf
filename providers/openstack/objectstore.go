package openstack

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers"
)

// ObjectStore refuses: Swift's S3 layer has no lock, and Keystone's EC2 credentials are not limited to a bucket. A site on
// OpenStack names an S3 endpoint with lock, which is not built yet.
func (*Cloud) ObjectStore(
	_ *pulumi.Context, name string, args *providers.ObjectStoreArgs, _ ...pulumi.ResourceOption,
) (*providers.ObjectStore, error) {
	return nil, fmt.Errorf("object store %s (%s): OpenStack has no object store with lock", name, args.Name)
}
