#!/bin/sh
# lagrum-boot makes this machine a node of its cluster, once in its life. cloud-init runs it on the first boot.
#
# What to become stands in /etc/lagrum/node.env, how in /etc/lagrum/kubeadm.yaml. The node's secrets come from the
# cloud through lagrum-secrets. How far it came stands in /var/lib/lagrum/boot.status: "running: STEP", "ok", or
# "failed: STEP: WHY". A node that failed is replaced, not repaired.
set -eu
umask 022
export HOME=/root
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# shellcheck source=/dev/null
. /etc/lagrum/node.env
: "${LAGRUM_NODE:?}" "${LAGRUM_ROLE:?}" "${LAGRUM_VERSION:?}" "${LAGRUM_SERVER:?}" "${LAGRUM_PAUSE_IMAGE:?}"

config=/etc/lagrum/kubeadm.yaml
volatile=/run/lagrum
bundle=$volatile/bundle.tar
joiner=$volatile/join.conf
state=/var/lib/lagrum
out=$volatile/output
step=start
failed=

say() { printf 'lagrum-boot: %s: %s: %s\n' "$LAGRUM_NODE" "$step" "$*"; }

status() {
  printf '%s\n' "$*" >"$state/boot.status.new"
  mv "$state/boot.status.new" "$state/boot.status"
}

begin() {
  step=$1
  status "running: $step"
  say "$2"
}

fail() {
  failed=yes
  status "failed: $step: $*"
  say "failed: $*"
  exit 1
}

# No credential outlives the boot, however it ends.
finish() {
  code=$?
  trap - EXIT
  rm -f "$bundle" "$bundle.new" "$joiner" "$out" "$volatile/code" "$volatile/cluster.yaml"
  if [ "$code" -ne 0 ] && [ -z "$failed" ]; then
    status "failed: $step: lagrum-boot ended with exit code $code; its output is in /var/log/cloud-init-output.log"
  fi
  exit "$code"
}

# uptime_s counts seconds on a clock that nothing sets.
uptime_s() { cut -d. -f1 /proc/uptime; }

# words are the errors in a program's output, on one line: those of kubeadm's checks, else whatever looks like one.
words() {
  found=$(grep -F '[ERROR ' "$out" || grep -iE 'error|refused|forbidden|unauthorized|unable|timed out|not found' "$out" | grep -v 'stack trace' | tail -n 2)
  [ -n "$found" ] || found=$(tail -n 1 "$out")
  [ -n "$found" ] || found="it said nothing"
  found=$(printf '%s' "$found" | tr -s '[:space:]' ' ' | cut -c 1-400)
  printf '%s' "${found# }"
}

# within SECONDS COMMAND... repeats a command every five seconds until it succeeds. It says why not yet whenever the
# reason changes, and leaves the last reason in $why.
within() {
  end=$(($(uptime_s) + $1))
  shift
  why=
  until "$@" >"$out" 2>&1; do
    last=$why
    why=$(words)
    [ "$why" = "$last" ] || say "not yet: $why"
    [ "$(uptime_s)" -lt "$end" ] || return 1
    sleep 5
  done
}

# loud runs a command with its output on the console, and keeps a copy for words.
loud() {
  { rc=0; "$@" 2>&1 || rc=$?; printf '%s' "$rc" >"$volatile/code"; } | tee "$out"
  return "$(cat "$volatile/code")"
}

fetch() {
  (umask 077 && timeout 60 lagrum-secrets >"$bundle.new") || return 1
  if [ ! -s "$bundle.new" ] || ! tar -tf "$bundle.new" >/dev/null 2>&1; then
    echo "error: the secret channel gave no tar archive"
    return 1
  fi
  mv "$bundle.new" "$bundle"
}

unpack() { tar -xpf "$bundle" -C / --no-same-owner --no-overwrite-dir; }

# setting KEY VALUE sees that a kernel setting is as it has to be.
setting() {
  [ "$(cat "/proc/sys/$1" 2>/dev/null)" != "$2" ] || return 0
  (printf '%s\n' "$2" >"/proc/sys/$1") 2>/dev/null || fail "/proc/sys/$1 has to be $2 and cannot be set"
}

# sandbox sees that containerd takes the sandbox image from where the cluster takes its images. containerd is
# restarted only when it has to learn that.
sandbox() {
  configured=$(containerd config dump | sed -n "s/^ *sandbox = ['\"]\(.*\)['\"] *$/\1/p")
  [ "$configured" != "$LAGRUM_PAUSE_IMAGE" ] || return 0
  mkdir -p /etc/containerd/conf.d
  printf 'version = 3\n[plugins."io.containerd.cri.v1.images".pinned_images]\nsandbox = "%s"\n' "$LAGRUM_PAUSE_IMAGE" >/etc/containerd/conf.d/lagrum.toml
  configured=$(containerd config dump | sed -n "s/^ *sandbox = ['\"]\(.*\)['\"] *$/\1/p")
  [ "$configured" = "$LAGRUM_PAUSE_IMAGE" ] || fail "containerd's sandbox image is $configured and has to be $LAGRUM_PAUSE_IMAGE: the node image's containerd has to import /etc/containerd/conf.d/*.toml"
  systemctl restart containerd
}

# identify writes into kubeadm's file what the cloud calls this machine, where a controller of the cloud is to find it.
identify() {
  grep -q INSTANCE-ID "$config" || return 0
  instance=$(cloud-init query v1.instance_id) || instance=
  case $instance in
  "" | *[!A-Za-z0-9-]*) fail "cloud-init says that the cloud calls this machine '$instance'" ;;
  esac
  sed -i "s/INSTANCE-ID/$instance/" "$config"
}

# etcd_user sees that etcd has a user of its own on this node.
etcd_user() {
  id -u etcd >/dev/null 2>&1 || loud useradd --uid "$LAGRUM_ETCD_USER" --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin etcd || fail "$(words)"
  have=$(id -u etcd):$(id -g etcd)
  [ "$have" = "$LAGRUM_ETCD_USER:$LAGRUM_ETCD_USER" ] || fail "the node image's user etcd is $have, and has to be $LAGRUM_ETCD_USER:$LAGRUM_ETCD_USER"
}

# etcd_files gives etcd's user its data, and a copy of what etcd serves with: those below /etc/kubernetes/pki are root's
# alone. kubeadm makes them here already, and finds them when it runs.
etcd_files() {
  case $verb in
  init) certificates="certs all" ;;
  *) certificates="control-plane-prepare certs" ;;
  esac
  # shellcheck disable=SC2086 # a phase is two words
  loud kubeadm "$verb" phase $certificates --config "$config" || return 1
  rm -rf /etc/lagrum/etcd
  mkdir -p /etc/lagrum/etcd /var/lib/etcd
  for each in ca.crt server.crt server.key peer.crt peer.key; do
    cp "/etc/kubernetes/pki/etcd/$each" /etc/lagrum/etcd/ || return 1
  done
  chmod 0700 /etc/lagrum/etcd /var/lib/etcd
  chmod 0600 /etc/lagrum/etcd/*
  chown -R "$LAGRUM_ETCD_USER:$LAGRUM_ETCD_USER" /etc/lagrum/etcd /var/lib/etcd
}

# enter runs kubeadm once.
enter() {
  [ -z "${LAGRUM_ETCD_USER:-}" ] || etcd_files || return 1
  loud kubeadm "$verb" --config "$config"
}

# look asks once whether anything serves the endpoint, and succeeds where a load balancer says that nobody does: it
# refuses the connection or ends it (curl's 7, 35, 52, 56). Any answer over TLS counts as somebody, whatever it says: a
# second cluster with the first one's keys is worse than a node that does not boot.
look() {
  code=0
  curl --silent --show-error --output /dev/null --max-time 10 --noproxy '*' --cacert /etc/kubernetes/pki/ca.crt "$LAGRUM_SERVER/readyz" || code=$?
  case $code in
  7 | 35 | 52 | 56) return 0 ;;
  0) seen="a cluster already answers at $LAGRUM_SERVER: this node has to join it, not initialise another" ;;
  51 | 60) seen="a server that the cluster's authority did not certify answers at $LAGRUM_SERVER" ;;
  *) return 1 ;;
  esac
}

# guard refuses to initialise where anybody serves the endpoint, and also where nobody can tell: a look-up that fails is
# no proof that there is no cluster. Three looks, because a load balancer may drop one.
guard() {
  seen=
  for each in 1 2 3; do
    [ "$each" -eq 1 ] || sleep 2
    within 300 look || fail "cannot tell whether a cluster answers at $LAGRUM_SERVER: $why"
    [ -z "$seen" ] || fail "$seen"
  done
}

as_joiner() { timeout 30 kubectl --kubeconfig "$joiner" --request-timeout 10s "$@"; }

# configured succeeds once the cluster's configuration, from which kubeadm makes a control plane's static pods, is the one
# that this node's plan was made with.
configured() {
  as_joiner --namespace kube-system get configmap kubeadm-config --output 'jsonpath={.data.ClusterConfiguration}' >"$volatile/cluster.yaml" || return 1
  [ -n "${LAGRUM_CLUSTER_SHA256:-}" ] || return 0
  found=$(sha256sum <"$volatile/cluster.yaml")
  [ "${found%% *}" = "$LAGRUM_CLUSTER_SHA256" ] && return 0
  echo "error: the cluster's kubeadm-config is not yet the one that this node was planned with"
  return 1
}

# readable succeeds once the step of a change of etcd's key is over that comes before the one this node is born in: until
# then another control plane could not read what this one writes, or this one not what lies in etcd.
readable() {
  [ -n "${LAGRUM_ENCRYPTION_AFTER:-}" ] || return 0
  found=$(as_joiner --namespace kube-system get job "encryption-$LAGRUM_ENCRYPTION_AFTER" --output 'jsonpath={.status.succeeded}') || return 1
  [ "$found" = 1 ] && return 0
  echo "error: the job encryption-$LAGRUM_ENCRYPTION_AFTER, which ends the step before in the change of etcd's key, has not succeeded yet"
  return 1
}

# admitted succeeds once the cluster answers and has all that a joining node needs of it.
admitted() {
  as_joiner get --raw /readyz >/dev/null || return 1
  configured || return 1
  readable || return 1
  for right in "get nodes" "create certificatesigningrequests.certificates.k8s.io" \
    "create certificatesigningrequests.certificates.k8s.io --subresource nodeclient"; do
    # shellcheck disable=SC2086 # a right is several words
    if ! as_joiner auth can-i --quiet $right; then
      echo "error: the cluster does not yet let joining nodes $right"
      return 1
    fi
  done
}

# A kubelet that was configured once is left alone, and so is what was said of it.
if [ -e /etc/kubernetes/kubelet.conf ]; then
  say "this node has booted into its cluster before; replace it to boot again"
  exit 1
fi
mkdir -p "$state" "$volatile"
chmod 0700 "$volatile"
trap finish EXIT

begin secrets "fetching the node's secrets"
within 300 fetch || fail "no secrets after 5 minutes: $why"
unpack

begin versions "expecting Kubernetes $LAGRUM_VERSION"
have=$(kubeadm version --output short)
[ "$have" = "$LAGRUM_VERSION" ] || fail "the node image has kubeadm $have, the plan says $LAGRUM_VERSION"
have=$(kubelet --version)
[ "$have" = "Kubernetes $LAGRUM_VERSION" ] || fail "the node image has a kubelet of $have, the plan says $LAGRUM_VERSION"

loud sha256sum --quiet --check /etc/lagrum/image.sha256 || fail "the programs of the node image are not the ones that it was made with: $(words)"

if [ -n "${LAGRUM_DATA_GIB:-}" ]; then
  begin data "preparing the data disk"
  systemctl stop containerd
  loud lagrum-data prepare || fail "$(words)"
  systemctl enable --now lagrum-data
fi

begin host "preparing the kernel and containerd"
modprobe --all overlay br_netfilter 2>/dev/null || true # built in, or not to be loaded from here: the settings tell
while read -r key _ value; do
  setting "$(printf '%s' "$key" | tr . /)" "$value"
done </etc/sysctl.d/90-lagrum.conf
systemctl enable --now lagrum-metadata || fail "the metadata service cannot be closed to pods: the node image's nft does not load /etc/lagrum/metadata.nft"
sandbox
identify
[ -z "${LAGRUM_ETCD_USER:-}" ] || etcd_user
systemctl enable --now containerd
systemctl enable kubelet

case $LAGRUM_ROLE in
init)
  verb="init"
  begin guard "looking for a cluster at $LAGRUM_SERVER"
  guard
  ;;
*)
  verb="join"
  begin wait "waiting for the cluster at $LAGRUM_SERVER"
  within 1800 admitted || fail "not admitted after 30 minutes: $why; if no cluster exists, cluster.initialisedBy of the site has to name a node that is to be built"
  ;;
esac

# What is still on its way (images above all) arrives while this repeats.
begin preflight "checking what kubeadm $verb needs"
within 900 kubeadm "$verb" phase preflight --config "$config" || fail "not ready after 15 minutes: $why"

begin "$verb" "running kubeadm $verb"
attempt=1
until enter; do
  # A failed init is never repeated: whether it left a cluster behind is for a person to judge.
  if [ "$verb" = init ] || [ "$attempt" -ge 3 ]; then
    fail "kubeadm $verb, attempt $attempt: $(words)"
  fi
  say "attempt $attempt failed: $(words)"
  attempt=$((attempt + 1))
  kubeadm reset --force || true
  unpack
  sleep 20
done

# kubeadm leaves its kubelet's settings readable to everybody, and an image its unit. No process but root's reads them.
for file in /var/lib/kubelet/config.yaml /etc/systemd/system/kubelet.service.d/10-kubeadm.conf /etc/systemd/system/kubelet.service; do
  [ ! -e "$file" ] || chmod 0600 "$file"
done

# The way past RBAC is for a cluster that is being made.
rm -f /etc/kubernetes/super-admin.conf

# What a cloud left here to be fetched goes too; after a failure it stays, so that a person can look again.
rm -rf "$volatile" 2>/dev/null || say "could not clear $volatile"

step=end
status ok
say "this node is part of its cluster"
