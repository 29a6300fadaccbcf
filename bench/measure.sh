# shellcheck shell=bash
# What bench/build and bench/lab share: a copy of the tree to work in, and one way to time a command. Source it.
#
# Everything is timed in a copy of the sources as they are now, edits that are not committed included, so that nothing
# here touches the checkout and nothing that happens in the checkout disturbs a figure.

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/lagrum-bench.XXXXXX")
tree=$scratch/tree
log=${BENCH_LOG:-$scratch/log} # what the timed commands print; BENCH_LOG names a file that stays
trap 'rm -rf "$scratch"' EXIT

say() { printf '%s bench: %s\n' "$(date +%T)" "$*" >&2; }

die() {
    say "$*"
    exit 1
}

[[ -x /usr/bin/time ]] || die "/usr/bin/time is missing; run: apt-get install time"

# The copy has no commit that a build could be stamped with.
export GOFLAGS="${GOFLAGS:-} -buildvcs=false"

# copy_tree fills $tree with the sources. It is a git repository because the Makefile asks git what there is.
copy_tree() {
    mkdir -p "$tree"
    git -C "$checkout" ls-files -co --exclude-standard | while IFS= read -r file; do
        [[ ! -f $checkout/$file ]] || printf '%s\0' "$file"
    done | tar -C "$checkout" --null -T - -c | tar -C "$tree" -x
    git -C "$tree" init --quiet
}

# calculate EXPRESSION prints a value with one decimal.
calculate() { awk "BEGIN { printf \"%.1f\", ($1) }"; }

# busy prints the processor seconds that this machine has spent so far, on whatever (proc_stat(5)).
busy() { awk -v tick="$(getconf CLK_TCK)" '/^cpu /{printf "%.2f", ($2 + $3 + $4 + $7 + $8 + $9) / tick}' /proc/stat; }

# elsewhere prints the processor seconds spent so far for the measured commands, but not by processes that they wait
# for. bench/lab says more here.
elsewhere() { echo 0; }

# measure COMMAND... runs a command, with its output in $log, and sets
#   wall    elapsed seconds
#   cpu     processor seconds of the command and of every process that it waited for
#   apart   processor seconds that elsewhere counted meanwhile, or "-" when what it counts by was removed
#   peak    MiB of the largest single process of the command
#   load    the load average over one minute, before and after
#   others  how many cores anything else kept busy meanwhile
measure() {
    local load_before busy_before elsewhere_before spent
    load_before=$(cut -d' ' -f1 /proc/loadavg)
    elsewhere_before=$(elsewhere)
    busy_before=$(busy)
    printf '\n== %s %s\n' "$(date +%T)" "$*" >>"$log"
    if ! /usr/bin/time -q -o "$scratch/time" -f '%e %U %S %M' -- "$@" >>"$log" 2>&1; then
        tail -n 30 "$log" >&2
        die "failed: $*"
    fi
    spent=$(calculate "$(busy) - $busy_before")
    read -r wall cpu peak < <(awk '{printf "%.1f %.1f %d\n", $1, $2 + $3, $4 / 1024}' "$scratch/time")
    apart=$(calculate "$(elsewhere) - $elsewhere_before")
    [[ $apart != -* ]] || apart=-
    others=$(awk -v rest="$(calculate "$spent - $cpu - ${apart/#-/0}")" -v wall="$wall" \
        'BEGIN{printf "%.1f", (wall > 0 && rest > 0) ? rest / wall : 0}')
    load="$load_before, $(cut -d' ' -f1 /proc/loadavg)"
    export wall cpu apart peak others load
}

# host prints what was measured on.
host() {
    printf '%s, %s cores, %s GiB, Linux %s, %s\n' "$(date -u +%F)" "$(nproc)" \
        "$(awk '/MemTotal/{printf "%.0f", $2 / 1048576}' /proc/meminfo)" "$(uname -r | cut -d. -f1-2)" "$(go env GOVERSION)"
}
