#!/usr/bin/env bash
# Makes the venv with the official OpenAI SDK that the tests call through the gateway, from
# integration/requirements.txt. Does nothing if the venv was made from the same file.
# usage: scripts/sdk.sh target/tools/venv
set -euo pipefail

venv=$1
pinned=integration/requirements.txt
# Written last: a venv without it is unfinished, and one that differs is of other versions.
made_from=$venv/requirements.txt
cmp --silent "$pinned" "$made_from" && exit 0

echo "fetching the OpenAI SDK into $venv" >&2
rm -rf "$venv"
mkdir -p "$(dirname "$venv")"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check \
  --require-hashes --only-binary :all: --requirement "$pinned"
"$venv/bin/python" -c 'import openai'
cp "$pinned" "$made_from"
