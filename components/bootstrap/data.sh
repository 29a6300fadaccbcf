#!/bin/sh
# lagrum-data keeps what a node writes on its data disk: etcd, containerd, the kubelet and the logs of pods.
#
# lagrum-boot prepares the disk, once; lagrum-data.service opens it on every boot, before containerd and the kubelet. Where
# /etc/lagrum/data.json is, the disk is encrypted here: its key exists in the kernel's memory, and can be had only from the
# disk's own header together with an answer of the key servers that the file names. Nothing on the node opens the disk
# alone, and what the key servers answer opens nothing without the disk.
set -eu
umask 022
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# shellcheck source=/dev/null
. /etc/lagrum/node.env
: "${LAGRUM_DATA_GIB:?}"

label=lagrum-data
pin=/etc/lagrum/data.json
open=/dev/mapper/$label
base=/var/lib/lagrum-data
folders="var/lib/etcd var/lib/containerd var/lib/kubelet var/log/pods"

die() {
  echo "error: $*" >&2
  exit 1
}

# blank lists the disks that hold nothing and have the declared size. A cloud that encrypts a volume itself keeps a little of
# it. blkid ends with 2 where it finds nothing at all.
blank() {
  most=$((LAGRUM_DATA_GIB * 1073741824))
  least=$((LAGRUM_DATA_GIB * 1063004405)) # 99 %
  lsblk --nodeps --noheadings --bytes --paths --output NAME,SIZE,TYPE,RO | while read -r name size type readonly; do
    if [ "$type $readonly" != "disk 0" ] || [ "$size" -gt "$most" ] || [ "$size" -lt "$least" ]; then
      continue
    fi
    code=0
    blkid --probe "$name" >/dev/null 2>&1 || code=$?
    [ "$code" -ne 2 ] || echo "$name"
  done
}

# encrypt makes a disk a LUKS2 container that the key servers help to open, and that nothing else opens. The key is 256 bits
# of the kernel's, which no derivation can make stronger: the cheap one is right.
encrypt() {
  key=$(mktemp -p /run) # in memory
  trap 'rm -f "$key"' EXIT
  head -c 32 /dev/urandom >"$key"
  cryptsetup luksFormat --batch-mode --type luks2 --cipher aes-xts-plain64 --key-size 512 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
    --label "$label" --key-file "$key" "$1"
  clevis luks bind -f -y -k "$key" -d "$1" sss "$(cat "$pin")"
  cryptsetup luksRemoveKey "$1" "$key"
  unlock "$1"
  mkfs.ext4 -q -L lagrum-files "$open"
}

unlock() { [ -e "$open" ] || clevis luks unlock -d "$1" -n "$label"; }

# place mounts the disk and puts the folders where they belong.
place() {
  mkdir -p "$base"
  mountpoint -q "$base" || mount "$1" "$base" || return 1
  for folder in $folders; do
    mkdir -p "/$folder" "$base/$folder" || return 1
    mountpoint -q "/$folder" || mount --bind "$base/$folder" "/$folder" || return 1
  done
}

prepare() {
  ! earlier=$(blkid --label "$label") || die "$earlier is a disk of an earlier node: give this one an empty disk"
  # shellcheck disable=SC2046 # one name a word
  set -- $(blank)
  [ "$#" -eq 1 ] || die "$# disks of ${LAGRUM_DATA_GIB} GiB hold nothing ($*), and it has to be one"
  if [ -e "$pin" ]; then
    encrypt "$1"
    target=$open
  else
    mkfs.ext4 -q -L "$label" "$1"
    target=$1
  fi
  # What the image brought, container images above all, moves along.
  mkdir -p "$base"
  mount "$target" "$base"
  for folder in $folders; do
    mkdir -p "$base/$folder"
    [ ! -d "/$folder" ] || cp --archive "/$folder/." "$base/$folder/"
  done
  place "$target"
}

reopen() {
  target=$(blkid --label "$label") || die "the data disk is not attached"
  if [ -e "$pin" ]; then
    unlock "$target" || die "no key server answered: the data disk stays closed"
    target=$open
  fi
  place "$target"
}

case ${1:-} in
prepare) prepare ;;
open)
  # A node without its data must not start, and one whose key servers come back must: it asks until it is told.
  until (reopen); do sleep 10; done
  ;;
*) die "usage: lagrum-data prepare | open" ;;
esac
