# Takes one control-plane node out of the cluster, after its replacement has come in. Every step may be repeated: what
# is done already is found done, and what was never there is no mistake, so that a rebuilt site runs it as well.
#
# Environment: OLD and NEW name the node that leaves and the one that came; ETCDCTL_CACERT, ETCDCTL_CERT and
# ETCDCTL_KEY open this node's etcd.
set -eu

say() { echo "retirement of $OLD: $*"; }
fail() {
  say "$*" >&2
  exit 1
}

# survey reads the members of etcd, one a line: id, status, name, peer address, client address, learner. It sets
# old_id and old_client, the member that leaves and its client address, if there is one; new_votes, whether the
# replacement votes; and remaining, the client addresses of all members that will vote without it.
survey() {
  members=$(etcdctl --endpoints=https://127.0.0.1:2379 member list) || return 1
  old_id='' old_client='' new_votes=no remaining=''
  while IFS=, read -r id status name _ client learner; do
    name=${name# } client=${client# }
    if [ "$name" = "$OLD" ]; then
      old_id=$id old_client=$client
    elif [ "$status" = ' started' ] && [ "$learner" = ' false' ]; then
      remaining="$remaining $client"
      if [ "$name" = "$NEW" ]; then new_votes=yes; fi
    fi
  done <<MEMBERS
$members
MEMBERS
}

# patiently repeats a check for up to three minutes.
patiently() {
  tries=36
  until "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 5
  done
}
replacement_votes() { survey && [ "$new_votes" = yes ]; }

# old_is_dead asks the etcd of the node that leaves for half a minute.
old_is_dead() {
  asks=6
  while ! etcdctl --endpoints="$old_client" endpoint health; do
    asks=$((asks - 1))
    [ "$asks" -gt 0 ] || return 0
    sleep 5
  done
  return 1
}

# remove_member takes the old member out of etcd, unless those that stay would have no quorum.
remove_member() {
  count=0 healthy=0
  for address in $remaining; do
    count=$((count + 1))
    if etcdctl --endpoints="$address" endpoint health; then healthy=$((healthy + 1)); fi
  done
  if [ $((healthy * 2)) -le "$count" ]; then
    fail "of the $count members of etcd that would remain, $healthy are healthy: without $OLD there is no quorum"
  fi
  say "removing member $old_id of etcd"
  etcdctl --endpoints=https://127.0.0.1:2379 member remove "$old_id"
  patiently survey || fail "etcd does not answer after member $old_id was removed"
  if [ -n "$old_id" ]; then fail "etcd still has member $old_id"; fi
}

# A member that has just come in, as this node's may have, answers no question until it votes.
patiently survey || fail "the etcd of this node does not answer; its kubelet's log says why"
node=$(kubectl get node "$OLD" --ignore-not-found --output=name)
if [ -z "$node" ] && [ -z "$old_id" ]; then
  say "neither a node nor a member of etcd has that name: nothing to do"
  exit 0
fi

# kubeadm lets no control plane join while a member of etcd is down: where the old machine is dead, its member is in its
# replacement's way.
if [ -n "$old_id" ] && old_is_dead; then
  say "its etcd is dead"
  remove_member
fi

say "waiting for its replacement $NEW"
kubectl wait --for=create --for=condition=Ready "node/$NEW" --timeout=10m ||
  fail "$NEW is not a ready node; declare one replacement of a slot an update, and read the boot log of $NEW"
patiently replacement_votes || fail "$NEW does not vote in etcd; its kubelet's log says why"

if [ -n "$node" ]; then
  say "draining"
  # Pods that no controller would make again leave with their node. Where the machine is dead, nobody confirms that
  # its pods have ended: those that ought to have ended a minute ago are not waited for.
  kubectl drain "$OLD" --ignore-daemonsets --delete-emptydir-data --force \
    --skip-wait-for-delete-timeout=60 --timeout=5m
fi

if [ -n "$old_id" ]; then remove_member; fi

say "deleting the node"
kubectl delete node "$OLD" --ignore-not-found --wait=false
say "done"
