#!/usr/bin/env bash
# Makes a venv with what a file of requirements pins by hash, all of it and of wheels alone, and tries a program in it.
# Does nothing if the venv was made from the same file.
# usage: scripts/venv.sh VENV REQUIREMENTS PROGRAM [ARGUMENT...]
set -euo pipefail

venv=$1 pinned=$2
shift 2
# Written last: a venv without it is unfinished, and one that differs is of other versions.
made_from=$venv/requirements.txt
cmp --silent "$pinned" "$made_from" && exit 0

echo "fetching ${pinned#integration/} into $venv" >&2
rm -rf "$venv"
mkdir -p "$(dirname "$venv")"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check \
  --require-hashes --no-deps --only-binary :all: --requirement "$pinned"
"$venv/bin/$1" "${@:2}" >/dev/null
cp "$pinned" "$made_from"
