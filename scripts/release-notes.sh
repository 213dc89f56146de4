#!/usr/bin/env bash
# Prints what CHANGELOG.md says of a version. Fails if it says nothing, or if Cargo.toml has another version:
# then the tag is wrong, or the release is not prepared.
# usage: scripts/release-notes.sh 1.2.3
set -euo pipefail

version=$1
grep -qxF "version = \"$version\"" Cargo.toml || {
  echo "Cargo.toml has another version than $version" >&2
  exit 1
}
notes=$(awk -v version="$version" '/^## / { wanted = ($2 == version); next } wanted' CHANGELOG.md)
[[ $notes == *[![:space:]]* ]] || {
  echo "CHANGELOG.md has nothing under \"## $version\"" >&2
  exit 1
}
printf '%s\n' "$notes"
