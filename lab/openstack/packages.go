package openstack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/lagrum/lagrum/lab/debian"
)

// packages are Debian's; they bring some 400 others. nova-compute pulls nothing that needs KVM.
var packages = []string{
	"mariadb-server", "rabbitmq-server", "memcached", "uwsgi-core", "uwsgi-plugin-python3", "qemu-utils",
	"keystone", "placement-api", "barbican-api", "glance", "neutron-server",
	"nova-api", "nova-conductor", "nova-scheduler", "nova-compute",
	"cinder-api", "cinder-scheduler", "cinder-volume", "octavia-api", "octavia-worker",
	"python3-barbicanclient", "python3-memcache", "python3-pymysql",
}

// units are the services that those packages enable for the host's next boot.
var units = []string{
	"mariadb.service", "rabbitmq-server.service", "epmd.service", "epmd.socket", "memcached.service",
	"keystone.service", "placement-api.service", "barbican-api.service", "glance-api.service", "neutron-api.service", "neutron-rpc-server.service",
	"nova-api.service", "nova-api-metadata.service", "nova-conductor.service", "nova-scheduler.service", "nova-compute.service",
	"cinder-api.service", "cinder-scheduler.service", "cinder-volume.service", "octavia-api.service", "octavia-worker.service",
}

// installPackages installs what is missing. Where this host had none of them, it keeps their services from starting with it.
func installPackages(ctx context.Context) error {
	missing, err := debian.Missing(ctx, packages...)
	if err != nil || len(missing) == 0 {
		return err
	}
	if err := debian.FinishInterrupted(ctx); err != nil {
		return fmt.Errorf("openstack: packages: %w", err)
	}
	if err := debian.Install(ctx, missing...); err != nil {
		return fmt.Errorf("openstack: packages: %w", err)
	}
	if len(missing) < len(packages) {
		return nil // some are the host's own
	}
	if _, err := exec.LookPath("systemctl"); err != nil {
		return nil // without systemd nothing starts by itself
	}
	known := slices.DeleteFunc(slices.Clone(units), func(unit string) bool {
		_, err := os.Stat(filepath.Join("/usr/lib/systemd/system", unit))
		return err != nil
	})
	if text, err := exec.CommandContext(ctx, "systemctl", append([]string{"disable", "--quiet"}, known...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("openstack: keep the packages' services from starting with this host: systemctl disable: %w\n%s", err, text)
	}
	return nil
}
