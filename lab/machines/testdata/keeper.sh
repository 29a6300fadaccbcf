#!/bin/sh
# Keeps machine cp-1-g1 of lab dev. Written by the lab; changes are lost.
set -eu
echo 0 > '/sys/fs/cgroup/memory/lagrum/dev/cp-1-g1'/keeper/cgroup.procs
echo 0 > '/sys/fs/cgroup/o'\''hare'/keeper/cgroup.procs
mount -t overlay lagrum-dev-cp-1-g1 -o 'lowerdir=/cache/node:/cache/debian,upperdir=/var/lib/lagrum/dev/machines/cp-1-g1/upper,workdir=/var/lib/lagrum/dev/machines/cp-1-g1/work' '/var/lib/lagrum/dev/machines/cp-1-g1/root'
mkdir -p /run/systemd/nspawn
mount -t tmpfs lagrum-nspawn /run/systemd/nspawn
while :; do
	code=0
	(
		echo 0 > '/sys/fs/cgroup/memory/lagrum/dev/cp-1-g1'/system/cgroup.procs
		echo 0 > '/sys/fs/cgroup/o'\''hare'/system/cgroup.procs
		exec \
			'systemd-nspawn' \
			'--quiet' \
			'--boot' \
			'--directory=/var/lib/lagrum/dev/machines/cp-1-g1/root' \
			'--machine=dev-cp-1-g1' \
			'--hostname=cp-1-g1' \
			'--uuid=0123456789abcdef0123456789abcdef' \
			'--register=no' \
			'--keep-unit' \
			'--network-bridge=lgr-dev' \
			'--capability=all' \
			'--system-call-filter=@keyring bpf @mount' \
			'--bind=/dev/kmsg' \
			'--resolv-conf=off' \
			'--timezone=off' \
			'--link-journal=no' \
			'--console=read-only' \
			'--bind-ro=/var/lib/lagrum/dev/images:/var/lib/lagrum-images' \
			'--bind=/var/lib/lagrum/dev/machines/cp-1-g1/disk/containerd:/var/lib/containerd' \
			'--bind=/var/lib/lagrum/dev/machines/cp-1-g1/disk/etcd:/var/lib/etcd' \
			'--bind=/var/lib/lagrum/dev/machines/cp-1-g1/disk/kubelet:/var/lib/kubelet' \
			'--bind-ro=/var/lib/lagrum/dev/machines/cp-1-g1/secrets.tar:/run/lagrum-lab/secrets.tar'
	) || code=$?
	[ "$code" -eq 133 ] || exit "$code"
done
