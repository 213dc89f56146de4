#!/usr/bin/env bash
# Builds cargo-deb, which makes the Debian package, into a folder: the version below, with the dependencies of its own lock
# file. Does nothing if that version is there.
# usage: scripts/cargo-deb.sh target/tools/cargo-deb
set -euo pipefail

folder=$1
version=3.8.0
[[ $("$folder/bin/cargo-deb" --version 2>/dev/null) == *"$version" ]] && exit 0

echo "building cargo-deb $version into $folder (a minute)" >&2
mkdir -p "$folder"
work=$(mktemp -d "$folder/.build.XXXXXX")
trap 'rm -rf "$work"' EXIT
# Without liblzma: xz is Debian's own program (`--compress-system`).
cargo install cargo-deb --version "=$version" --locked --force --quiet --no-default-features \
  --root "$folder" --target-dir "$work"
