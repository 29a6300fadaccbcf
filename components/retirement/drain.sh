# Takes workers out of the cluster, after those that stay are ready. Every step may be repeated: what has left already is
# found to have left.
#
# Environment: OLD names the nodes that leave, NEW those of the same pool that stay, each in a list with spaces.
set -eu

say() { echo "leaving: $*"; }
fail() {
  say "$*" >&2
  exit 1
}
there() { [ -n "$(kubectl get node "$1" --ignore-not-found --output=name)" ]; }

for node in $NEW; do
  say "waiting for $node, which stays"
  kubectl wait --for=create --for=condition=Ready "node/$node" --timeout=10m ||
    fail "$node is not a ready node; its boot log says why, and nothing was drained"
done

# All of them first, so that what leaves one node does not move to the next that leaves.
for node in $OLD; do
  if there "$node"; then kubectl cordon "$node"; fi
done
for node in $OLD; do
  if ! there "$node"; then
    say "$node has left"
    continue
  fi
  say "draining $node"
  # Within every disruption budget: a pod that may not go keeps its node, and this says so.
  kubectl drain "$node" --ignore-daemonsets --delete-emptydir-data --force --skip-wait-for-delete-timeout=60 --timeout=5m ||
    fail "$node still has pods; see what holds them, and run the update again"
  kubectl delete node "$node" --ignore-not-found --wait=false
done
say "done"
