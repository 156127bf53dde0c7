#!/bin/sh
# The auditor: one file from the team; trust with its digest, and a checkpoint of the log, from somebody else. Without the checkpoint
# a package of an older log, or of one that was begun anew, would look whole. No network, no git.
set -eu
countersign audit verify "$1" --trust "$2" --trust-digest "$3" --least-checkpoint "$4"
