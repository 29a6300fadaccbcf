package stacks

import (
	"github.com/lagrum/lagrum/components/access"
	"github.com/lagrum/lagrum/components/bootstrap"
	"github.com/lagrum/lagrum/components/cloudcontroller"
	"github.com/lagrum/lagrum/components/cluster"
	"github.com/lagrum/lagrum/components/detection"
	"github.com/lagrum/lagrum/components/encryption"
	"github.com/lagrum/lagrum/components/gateway"
	"github.com/lagrum/lagrum/components/hardening"
	"github.com/lagrum/lagrum/components/identity"
	"github.com/lagrum/lagrum/components/network"
	"github.com/lagrum/lagrum/components/nodecertificates"
	"github.com/lagrum/lagrum/components/pki"
	"github.com/lagrum/lagrum/components/retirement"
	"github.com/lagrum/lagrum/components/runtime"
	"github.com/lagrum/lagrum/components/segmentation"
	"github.com/lagrum/lagrum/components/storage"
	"github.com/lagrum/lagrum/components/tenancy"
	"github.com/lagrum/lagrum/providers/aws"
	"github.com/lagrum/lagrum/providers/objectstore"
	"github.com/lagrum/lagrum/providers/openstack"
	"github.com/lagrum/lagrum/requirements"
	"github.com/lagrum/lagrum/stacks/plan"
)

//go:generate go run ./internal/controlsdoc ../docs/controls.md

// Room is a package that makes something, and what that serves.
type Room struct {
	Name     string // its folder
	Controls []requirements.Control
}

// Controls are what all rooms of a stack declare.
func Controls() []Room {
	return []Room{
		{"stacks/plan", plan.Controls()},
		{"providers/aws", aws.Controls()},
		{"providers/openstack", openstack.Controls()},
		{"providers/objectstore", objectstore.Controls()},
		{"components/bootstrap", bootstrap.Controls()},
		{"components/pki", pki.Controls()},
		{"components/cluster", cluster.Controls()},
		{"components/hardening", hardening.Controls()},
		{"components/segmentation", segmentation.Controls()},
		{"components/identity", identity.Controls()},
		{"components/gateway", gateway.Controls()},
		{"components/network", network.Controls()},
		{"components/nodecertificates", nodecertificates.Controls()},
		{"components/cloudcontroller", cloudcontroller.Controls()},
		{"components/storage", storage.Controls()},
		{"components/retirement", retirement.Controls()},
		{"components/encryption", encryption.Controls()},
		{"components/tenancy", tenancy.Controls()},
		{"components/access", access.Controls()},
		{"components/runtime", runtime.Controls()},
		{"components/detection", detection.Controls()},
	}
}
