package lab

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/lagrum/lagrum/providers"
)

// ObjectStore refuses: the lab has no S3 server yet, and a bucket without a proved lock would be no archive.
func (*Cloud) ObjectStore(
	_ *pulumi.Context, name string, args *providers.ObjectStoreArgs, _ ...pulumi.ResourceOption,
) (*providers.ObjectStore, error) {
	return nil, fmt.Errorf("object store %s (%s): the lab cloud has no object store with lock; declare no store on the lab", name, args.Name)
}
