package aws

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers"
)

// ObjectStore refuses: buckets with lock are made by one package for every cloud, which is not built yet.
func (*Cloud) ObjectStore(
	_ *pulumi.Context, name string, args *providers.ObjectStoreArgs, _ ...pulumi.ResourceOption,
) (*providers.ObjectStore, error) {
	return nil, fmt.Errorf("object store %s (%s): buckets with lock are not built yet; declare no store", name, args.Name)
}
