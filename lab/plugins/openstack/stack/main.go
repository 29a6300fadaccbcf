package main

import (
	_ "github.com/pulumi/pulumi-openstack/sdk/v3/go/openstack"
	_ "github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() {}
