#!/usr/bin/env bash
# Reviews every declared stack of this checkout against a base, and writes .lagrum/review/review.md. The exit code is that of
# lagrum review: 0 nothing flagged, 1 a preview failed, 2 flags, 3 severe flags.
#
#   docs/ci/review.sh BASE        BASE is a commit or branch, such as origin/main
#
# LAGRUM_REVIEW_SKIP names stacks to leave out, separated by blanks. The laboratory's is: its state is on one machine.
set -euo pipefail
cd "$(dirname "$0")/../.."

base=$(git merge-base HEAD "${1:?which commit to compare with, such as origin/main}")
skip=" ${LAGRUM_REVIEW_SKIP-dev} "
rm -rf .lagrum/review
mkdir -p .lagrum/review/previews .lagrum/review/old .lagrum/review/new
git worktree add --quiet --force --detach .lagrum/review/base "$base"
trap 'git worktree remove --force .lagrum/review/base' EXIT

# Each side decides its plans by its own program: what the change does to the program counts too.
go build -ldflags='-s -w' -o bin/lagrum ./cmd/lagrum
go build -ldflags='-s -w' -o bin/lagrum-program .
go build -C .lagrum/review/base -ldflags='-s -w' -o bin/lagrum ./cmd/lagrum

# decide writes the plan of a stack that has one; why it has none is in the log, and the review says that it is missing.
decide() {
    local lagrum=$1 config=$2 plan=$3
    [[ -e $config ]] || return 0
    "$lagrum" plan "$config" >"$plan" || rm -f "$plan"
}

previews=()
for config in Pulumi.*.yaml .lagrum/review/base/Pulumi.*.yaml; do
    file=${config##*/}
    stack=${file#Pulumi.}
    stack=${stack%.yaml}
    preview=.lagrum/review/previews/$stack.json
    [[ -e $config && $skip != *" $stack "* && ! -e $preview ]] || continue
    echo "stack $stack" >&2
    decide .lagrum/review/base/bin/lagrum ".lagrum/review/base/$file" ".lagrum/review/old/$stack.plan.json"
    decide bin/lagrum "$file" ".lagrum/review/new/$stack.plan.json"
    # A preview that fails says why in its JSON. A stack whose file is gone has none, which the review reports as failed.
    if [[ -e $file ]]; then
        pulumi preview --json --show-sames --non-interactive --stack "$stack" >"$preview" || true
    else
        : >"$preview"
    fi
    previews+=("$stack=$preview")
done
if ((${#previews[@]} == 0)); then
    echo "review: no Pulumi.<stack>.yaml to review" >&2
    exit 1
fi
code=0
bin/lagrum review --plans .lagrum/review/old,.lagrum/review/new "${previews[@]}" >.lagrum/review/review.md || code=$?
exit "$code"
