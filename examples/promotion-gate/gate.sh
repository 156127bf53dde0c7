#!/bin/sh
# The gate: COUNTERSIGN_TRUST_DIGEST and COUNTERSIGN_LEAST_CHECKPOINT come from where no build and no reviewed change can
# reach, as do the two keys. Ends with 0 only when the artifact may go; the new checkpoint is kept for the next run.
# Usage: gate.sh ARTIFACT [--report FORMAT=FILE …], see docs/reports.md.
set -eu
countersign promote "$@" --to production \
  --bundle app.provenance.sigstore.json --bundle app.sbom.sigstore.json --reviews reviews --repo . \
  --trust trust.sigstore.json --store "$STORE" --key "$GATE_KEY" --log-key "$LOG_KEY" \
  --checkpoint-output "$COUNTERSIGN_LEAST_CHECKPOINT"
