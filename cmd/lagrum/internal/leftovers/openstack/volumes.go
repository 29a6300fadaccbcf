package openstack

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/keymanager/v1/secrets"

	"github.com/lagrum/lagrum/cmd/lagrum/internal/leftovers"
)

// csiCluster is the metadata by which the storage driver inside the cluster marks its volumes.
const csiCluster = "cinder.csi.openstack.org/cluster"

func listVolumes(ctx context.Context, c *Cloud) ([]leftovers.Thing, error) {
	return all(ctx, volumes.List(c.volume, volumes.ListOpts{}), volumes.ExtractVolumes, func(v volumes.Volume) leftovers.Thing {
		thing := leftovers.Thing{
			ID: v.ID, Name: v.Name, State: v.Status, Phase: phase(v.Status), Stack: v.Metadata[stackKey], Created: v.CreatedAt,
			// "error" is a creation that failed; error_deleting and the like were volumes once.
			Precious: v.Status != "error",
		}
		if v.Metadata[csiCluster] != "" || strings.HasPrefix(v.Name, "pvc-") {
			thing.Controller = "storage driver"
		}
		for _, attachment := range v.Attachments {
			thing.UsedBy = append(thing.UsedBy, attachment.ServerID)
		}
		return thing
	})
}

// volumeLimit bounds the wait for one volume's end.
const volumeLimit = 30 * time.Second

// removeVolume takes the volume's key along: of a volume whose creation failed Cinder leaves it in Barbican, without a name
// by which anybody could tell whose it was.
func removeVolume(ctx context.Context, c *Cloud, id string) error {
	key, err := c.keyOf(ctx, id)
	if err != nil {
		return err
	}
	if err := volumes.Delete(ctx, c.volume, id, nil).ExtractErr(); err != nil || key == "" {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, volumeLimit)
	defer cancel()
	for {
		_, err := volumes.Get(ctx, c.volume, id).Extract()
		if gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
			break
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.New("the cloud has begun to delete it; its key in Barbican is " + key)
		case <-time.After(time.Second):
		}
	}
	return secrets.Delete(ctx, c.keys, key).ExtractErr()
}

// keyOf is the id of a volume's key; empty where there is none, or where Cinder is too old to tell (before Wallaby).
func (c *Cloud) keyOf(ctx context.Context, id string) (string, error) {
	telling := *c.volume
	telling.Microversion = "3.64"
	var volume struct {
		Key string `json:"encryption_key_id"`
	}
	err := volumes.Get(ctx, &telling, id).ExtractInto(&volume)
	if gophercloud.ResponseCodeIs(err, http.StatusNotAcceptable) {
		return "", nil
	}
	return volume.Key, err
}
