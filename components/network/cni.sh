# Writes the node's CNI configuration, and keeps it as flannel's subnet file has it: flannel decides the node's
# subnet and packet size, the standard plugins of the node image do the work. The file appears whole or not at all.
set -eu
subnet_env=${SUBNET_ENV:-/run/flannel/subnet.env}
conflist=${CONFLIST:-/etc/cni/net.d/10-lagrum.conflist}
# This file says that the node's guard is in force, which comes before this container. An address is given to no pod where
# it is missing: host-local reads it, as resolvers that nobody asks for. It is gone with every restart of the node, as the
# guard is; the configuration stays.
guarded=${GUARDED:-/run/flannel/guarded}

render() {
  # shellcheck source=/dev/null
  . "$subnet_env"
  # FLANNEL_SUBNET is the gateway, the first address of the subnet: the subnet itself lies one below.
  gateway=${FLANNEL_SUBNET%/*}
  subnet=${gateway%.*}.$((${gateway##*.} - 1))/${FLANNEL_SUBNET#*/}
  cat <<JSON
{
  "cniVersion": "1.0.0",
  "name": "lagrum",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "cni0",
      "mtu": $FLANNEL_MTU,
      "isDefaultGateway": true,
      "hairpinMode": true,
      "ipMasq": false,
      "ipam": {
        "type": "host-local",
        "resolvConf": "$guarded",
        "ranges": [[{"subnet": "$subnet", "gateway": "$gateway"}]],
        "routes": [{"dst": "$FLANNEL_NETWORK"}]
      }
    },
    {
      "type": "portmap",
      "capabilities": {"portMappings": true}
    }
  ]
}
JSON
}

trap 'exit 0' TERM INT
: >"$guarded"
while :; do
  if [ -s "$subnet_env" ]; then
    wanted=$(render)
    if [ ! -s "$conflist" ] || [ "$(cat "$conflist")" != "$wanted" ]; then
      printf '%s\n' "$wanted" >"$conflist.tmp"
      mv "$conflist.tmp" "$conflist"
      echo "wrote $conflist"
    fi
  fi
  sleep 2 &
  wait $!
done
