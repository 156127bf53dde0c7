#!/bin/sh
# The gate. This file, trust.sigstore.json and countersign.lock lie in a repository or project of the gate's own; of the reviewed
# repository there is a clone in ./app, and of its build what it uploaded in ./release. Both are read, and nothing in them is run.
#
# From the gate's protected environment: COUNTERSIGN_TRUST_DIGEST; STORE, such as git:https://…/gate-log.git#log; GATE_KEY and
# LOG_KEY, files; and CHECKPOINTS, a git address whose branch `checkpoint` holds the newest checkpoint that this gate has seen. The
# floor under the log rises with every run, on any machine; so nobody but the gate may push to that branch, and forced pushes are off.
#
# Usage: gate.sh ARTIFACT [--report FORMAT=FILE …], see docs/reports.md. Ends with 0 only when the artifact may go.
set -eu
rm -rf checkpoints
git clone -q --single-branch --branch checkpoint "$CHECKPOINTS" checkpoints

code=0
countersign promote "$@" --to production \
  --bundle release/app.provenance.sigstore.json --bundle release/app.sbom.sigstore.json --repo app --review-notes \
  --trust trust.sigstore.json --lock countersign.lock --store "$STORE" --key "$GATE_KEY" --log-key "$LOG_KEY" \
  --least-checkpoint checkpoints/checkpoint --checkpoint-output checkpoints/checkpoint || code=$?

# A refusal is an entry of the log as well. If the checkpoint cannot be kept, the run fails: the next one would not know of it.
if ! git -C checkpoints diff --quiet; then
  git -C checkpoints -c user.name=gate -c user.email=gate@example.com commit -q -a -m "The newest checkpoint of the log"
  git -C checkpoints push -q origin HEAD:refs/heads/checkpoint
fi
exit "$code"
