#!/usr/bin/env bash
# Makes the lock files of the clients anew, from the requirements.in and package.json of their folders.
# Wants uv and npm; the tests want neither, only the files.
# usage: integration/clients/lock.sh [FOLDER...]
set -euo pipefail
cd "$(dirname "$0")"

folders=("$@")
((${#folders[@]})) || folders=(*/)

for folder in "${folders[@]}"; do
  folder=${folder%/}
  cd "$folder"
  if [[ -f package.json ]]; then
    rm -f package-lock.json
    # Without the registry's host, so that any registry serves.
    npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts \
      --no-audit --no-fund --silent
  else
    python=3.10
    build=()
    case $folder in
      # pydantic-ai has given up 3.10.
      agents) python=3.11 ;;
      # Two of what semantic-kernel needs have no wheels.
      semantic-kernel) build=(--no-binary pybars4 --no-binary pymeta3) ;;
    esac
    for made in *.in; do
      {
        echo "# Made from $made by integration/clients/lock.sh: for Python $python and later."
        uv pip compile --quiet --universal --python-version "$python" --fork-strategy fewest \
          --only-binary :all: "${build[@]}" --generate-hashes --no-header "$made"
      } >lock.new
      mv lock.new "${made%.in}.txt"
    done
  fi
  cd ..
done
