# Ends one step of a change of etcd's encryption key: sees that every control plane has come to it and writes with its key,
# and has all that lies in etcd under another key, or in clear, written anew. What is done already is found done, so that
# it may be stopped and run again.
#
# Environment: KEYS are the step's, such as 2-1, and NAME is what etcd calls the one that writes; ENCRYPTED lists what is
# encrypted, with spaces; CREDENTIALS is a folder with token and ca.crt; ETCDCTL_ENDPOINTS, ETCDCTL_CACERT,
# ETCDCTL_CERT and ETCDCTL_KEY open this node's etcd; KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are where the API answers.
set -eu
newline='
'

say() { echo "encryption key $KEYS: $*"; }
fail() {
  say "$*" >&2
  exit 1
}

# place puts steps in their order: 1, 1-2, 2-1, 2, 2-3 and so on.
place() {
  writes=${1%%-*} reads=${1##*-}
  echo $((writes * 3 + (reads > writes) - (reads < writes)))
}

# everyone sees that every control plane was born in this step. A cluster that is further, as a site that was built anew may
# be, has nothing to do here.
everyone() {
  nodes=$(kubectl get nodes --selector node-role.kubernetes.io/control-plane \
    --output 'jsonpath={range .items[*]}{.metadata.name}={.metadata.labels.lagrum\.dev/encryption-keys}{"\n"}{end}') ||
    fail "the API does not list the control planes"
  [ -n "$nodes" ] || fail "the API lists no control plane"
  here=$(place "$KEYS") further=no
  for node in $nodes; do
    born=${node#*=}
    case $born in "" | *[!0-9-]*) fail "${node%%=*} does not say which keys it was born with; replace it" ;; esac
    there=$(place "$born")
    [ "$there" -ge "$here" ] || fail "${node%%=*} was born with keys $born; replace it, and declare no further step before"
    [ "$there" -eq "$here" ] || further=yes
  done
}

# renew HOST PATH has an API server write an object anew: a patch that changes nothing is written only where what lies in
# etcd is not as this API server would write it. The token stays out of the command line.
renew() {
  code=$(curl --silent --show-error --output /dev/null --write-out '%{http_code}' --max-time 60 --noproxy '*' --config - \
    --cacert "$CREDENTIALS/ca.crt" --request PATCH --header 'Content-Type: application/merge-patch+json' --data '{}' \
    "https://$1:$KUBERNETES_SERVICE_PORT$2" <<CONFIG
header = "Authorization: Bearer $(cat "$CREDENTIALS/token")"
CONFIG
  ) || code="none, curl's error $?"
  case $code in
  200 | 404) ;; # 404: it was deleted since
  *) return 1 ;;
  esac
}

# survey prints the keys of etcd from one up to another, a page of them: after "= " those whose value is written with NAME,
# after "! " the others. It ends with "more" or "last"; without that line the answer is not whole.
survey() {
  etcdctl get "$1" "$2" --limit=50 --write-out=fields | sed -n \
    -e '/^"Key" : "/{' -e 's/^"Key" : "\(.*\)"$/\1/' -e h -e '}' \
    -e '/^"Value" : "/{' -e "/^\"Value\" : \"k8s:enc:secretbox:v1:$NAME:/{" -e g -e 's/^/= /p' -e b -e '}' -e g -e 's/^/! /p' -e '}' \
    -e 's/^"More" : true$/more/p' -e 's/^"More" : false$/last/p'
}

# path_of is where the API has what lies in etcd under a key: namespaced all of it.
path_of() {
  rest=${1#/registry/}
  case $rest in
  *.*/*/*/*) group=${rest%%/*} rest=${rest#*/} api=/apis/$group/v1 ;;
  *) api=/api/v1 ;;
  esac
  kind=${rest%%/*} rest=${rest#*/}
  echo "$api/namespaces/${rest%%/*}/$kind/${rest#*/}"
}

# writes sees that each API server that serves now writes with NAME, by an object that every cluster of kubeadm's has. Which
# they are they say in etcd, every ten seconds.
writes() {
  tries=12
  while :; do
    servers=$(etcdctl get --prefix --keys-only /registry/masterleases/) || fail "etcd does not answer"
    [ -z "$servers" ] || break
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail "no API server says in etcd that it serves"
    sleep 5
  done
  key=/registry/configmaps/kube-system/kubeadm-config
  for server in $servers; do
    server=${server##*/}
    renew "$server" "$(path_of "$key")" || fail "the API server at $server answers $code"
    [ "$code" = 200 ] || fail "the API server at $server does not have kubeadm's configuration"
    [ "$(survey "$key" "$key ")" = "= $key
last" ] || fail "the API server at $server does not write with $NAME; replace its control plane"
  done
}

# anew goes once over what lies below a prefix. It counts in $found what is not under NAME, and in $refused what could not be
# written.
anew() {
  from=$1 end=${1%/}0 # 0 comes after the slash
  while :; do
    page=$(survey "$from" "$end")
    ending=${page##*"$newline"}
    case $ending in more | last) ;; *) fail "etcd does not answer" ;; esac
    while read -r mark key; do
      case $mark in
      "=") from="$key " ;; # a blank comes before all that a name may hold
      "!")
        from="$key " one=$key found=$((found + 1))
        if ! renew "$KUBERNETES_SERVICE_HOST" "$(path_of "$key")"; then
          refused=$((refused + 1))
          say "$key: the API answers $code" >&2
        fi
        [ $((found % 100)) -ne 0 ] || say "$found written anew so far"
        ;;
      esac
    done <<PAGE
$page
PAGE
    [ "$ending" = more ] || return 0
  done
}

everyone
if [ "$further" = yes ]; then
  say "the cluster is further already: nothing to do"
  exit 0
fi
writes
pass=1
while :; do
  found=0 refused=0
  for what in $ENCRYPTED; do
    anew "/registry/${what#\*.}/"
  done
  [ "$found" -gt 0 ] || break
  say "pass $pass: $found were not under $NAME, $refused of them are not yet"
  [ "$pass" -lt 5 ] || fail "after $pass passes there is still something that is not under $NAME: $one"
  pass=$((pass + 1))
done
everyone
writes
say "done: all of it lies in etcd under $NAME"
