#!/bin/sh
# Asks countersign about one exported case, from its folder alone: countersign.sh CASE. The verdict is the last line.
# COUNTERSIGN names the program, FORMAT the form of its answer (text or json).
set -u
case=$1
. "$case/case.env"
program=${COUNTERSIGN:-countersign}

if [ "$JUDGE" = gate ]; then
    set -- promote "$case/artifact" --to "$ENVIRONMENT" --dry-run --store "$case/store" \
        --least-checkpoint "$case/least.checkpoint" --lock "$case/countersign.lock" --reviews "$case/evidence"
else
    set -- review verify "$START..$CANDIDATE" --repository "$REPOSITORY" --target "$TARGET" --reviews "$case/evidence" \
        --least-tier "$LEAST_TIER" --reviewers-beyond-author "$REVIEWERS_BEYOND_AUTHOR" --base-drift "$BASE_DRIFT" \
        --agreed-before "$AGREED_BEFORE" --hidden-content "$HIDDEN_CONTENT"
    if [ "$FORGE_RULES" = any ]; then
        set -- "$@" --any-rules
    fi
    if [ -n "$CUT_FROM" ]; then
        set -- "$@" --cut-from "$CUT_FROM"
    fi
    if [ "$FOREIGN_REVIEWS" = count ]; then
        set -- "$@" --foreign
    fi
fi

"$program" "$@" --repo "$case/repo.git" --trust "$case/trust.sigstore.json" --trust-digest "$TRUST_DIGEST" \
    --format "${FORMAT:-text}"
code=$?
# Everything else is no verdict: a wrong command line, a file that cannot be read, a fault.
case $code in
    0) echo PASS ;;
    1 | 4) echo FAIL ;;
    3) echo INDETERMINATE ;;
    *) exit 2 ;;
esac
