# Approves what kubelets ask to serve with, where it is what the program says of that node and nothing more. The rest is left
# as it is, and said: Kubernetes forgets a request after a day, and a kubelet asks again.
#
# Environment: TABLE is the ConfigMap that has, in kube-system, by node, its address and the names that it may have besides.
set -eu
export OPENSSL_CONF=/dev/null # the node's is not mounted, and openssl wants one
said=

# A flag for the time would keep kubectl from finding the pod's own credentials.
api() { timeout 30 kubectl "$@"; }

# refuse says once why a request is not approved.
refuse() {
  case $said in *" $request "*) return 0 ;; esac
  said="$said $request "
  echo "request $request of $user is not approved: $*"
}

hex() { printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F; }

# alternatives is how a request for the node's address, and for names, is written (DER of RFC 5280, 4.2.1.6). Bytes are compared
# with it, since what a program prints of a request may be made to look like another.
alternatives() {
  for name in "$@"; do printf '82%02X%s' ${#name} "$(hex "$name")"; done
  # shellcheck disable=SC2046,SC2183 # an address is four words
  printf '8704%02X%02X%02X%02X' $(echo "$address" | tr . ' ')
}
asks_for() {
  expected=$(alternatives "$@")
  [ ${#expected} -lt 256 ] && [ "$asked" = "$(printf '30%02X%s' $((${#expected} / 2)) "$expected")" ]
}

# judge approves one request, or says why not.
judge() {
  node=${user#system:node:}
  case $node in "$user" | "" | *[!a-z0-9-]*) refuse "not of a node"; return 0 ;; esac
  case $groups in *'"system:nodes"'*) ;; *) refuse "not of a node"; return 0 ;; esac
  case $usages in
  '["digital signature","server auth"]' | '["digital signature","key encipherment","server auth"]') ;;
  *) refuse "it is for $usages"; return 0 ;;
  esac
  row=$(api --namespace kube-system get configmap "$TABLE" --output "jsonpath={.data['$node']}") || return 1
  address=${row%% *} other=${row#"$address"}
  other=${other# }
  [ -n "$address" ] || { refuse "the program has no such node"; return 0; }

  pem=$(printf '%s' "$text" | base64 -d) || return 1
  verified=$(printf '%s\n' "$pem" | openssl req -noout -verify 2>&1) || true
  case $verified in
  *"verify OK"*) ;;
  *"verify failure"*) refuse "it is not signed with its own key"; return 0 ;;
  *) echo "$verified" >&2; return 1 ;;
  esac
  subject=$(printf '%s\n' "$pem" | openssl req -noout -subject -nameopt RFC2253)
  [ "$subject" = "subject=CN=system:node:$node,O=system:nodes" ] || { refuse "$subject is somebody else"; return 0; }
  asked=$(printf '%s\n' "$pem" | openssl asn1parse | sed -n '/:X509v3 Subject Alternative Name *$/{n;s/^.*OCTET STRING *\[HEX DUMP\]://;p;}')
  # A kubelet asks for the address, and for the names that it knows of itself.
  if ! asks_for && ! asks_for "$node"; then
    if [ -z "$other" ] || { ! asks_for "$other" && ! asks_for "$node" "$other" && ! asks_for "$other" "$node"; }; then
      refuse "it asks for other names or addresses than $node $row"
      return 0
    fi
  fi
  api certificate approve "$request"
}

look() {
  open=$(api get certificatesigningrequests --field-selector spec.signerName=kubernetes.io/kubelet-serving --output \
    'jsonpath={range .items[*]}{.metadata.name}|{.status.conditions[*].type}|{.spec.username}|{.spec.groups}|{.spec.usages}|{.spec.request}{"\n"}{end}') || return 0
  while IFS='|' read -r request conditions user groups usages text; do
    if [ -z "$request" ] || [ -n "$conditions" ]; then continue; fi
    judge </dev/null || echo "request $request could not be judged" >&2
  done <<OPEN
$open
OPEN
}

while :; do
  look
  sleep 5
done
