#!/usr/bin/env bash
# Puts the OpenID Connect issuers that the tests get tokens from, and that nobody here wrote, into a
# folder: npm's oidc-provider, PyPI's canaille and oidc-provider-mock, pinned by hash in
# integration/issuers/.
# Does nothing if the folder was made from the same files.
# usage: scripts/issuers.sh target/tools/issuers
set -euo pipefail

folder=$1
pinned=integration/issuers
# Written last: a folder without it is unfinished, and one that differs is of other versions.
made_from=$folder/made-from
wanted=$(cat "$pinned/package-lock.json" "$pinned/requirements.txt")
[[ -f $made_from && $(cat "$made_from") == "$wanted" ]] && exit 0

echo "fetching the issuers of the tests into $folder" >&2
rm -rf "$folder"
mkdir -p "$folder"
cp "$pinned/package.json" "$pinned/package-lock.json" "$folder"
npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent
scripts/venv.sh "$folder/venv" "$pinned/requirements.txt" \
  python -W ignore -c 'import canaille, oidc_provider_mock'
printf '%s\n' "$wanted" >"$made_from"
