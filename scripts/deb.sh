#!/usr/bin/env bash
# Makes the Debian package of a tollgate that is built, with the manual pages and completions that it prints.
# usage: scripts/deb.sh target/tools/cargo-deb BINARY OUT [OPTION of cargo-deb]...     ; OUT: a file or a folder
set -euo pipefail

tool=$1/bin/cargo-deb
binary=$2
out=$3
shift 3
# The package is the same whenever it is made.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

# The names in Cargo.toml begin with target/release; cargo-deb looks for them here.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CARGO_TARGET_DIR=$work
made=$work/release/package
mkdir -p "$made/man"
install -m 0755 "$binary" "$work/release/tollgate"

"$binary" man "$made/man" >/dev/null
gzip -9n "$made"/man/*
for shell in bash fish zsh; do
  "$binary" completions "$shell" >"$made/tollgate.$shell"
done
# Where editors find the schema once it is installed.
sed '1s|=\.\./.*|=/usr/share/tollgate/tollgate.schema.json|' deploy/debian/tollgate.yaml >"$made/tollgate.yaml"
# Debian's own changelog is about the packaging; what changed in tollgate is beside it.
# A version such as 1.0.0-rc.1 is older than 1.0.0, which Debian writes with a tilde.
version=$(awk -F '"' '$1 == "version = " { print $2; exit }' Cargo.toml)
version=${version/-/\~}
{
  printf 'tollgate (%s-1) unstable; urgency=medium\n\n' "$version"
  printf '  * What changed is in changelog.gz.\n\n'
  printf ' -- %s  %s\n' "${MAINTAINER:-$(awk -F '"' '$1 == "maintainer = " { print $2 }' Cargo.toml)}" \
    "$(date --utc --rfc-email --date "@$SOURCE_DATE_EPOCH")"
} | gzip -9n >"$made/changelog.Debian.gz"

"$tool" --no-build --locked --compress-system --output "$out" ${MAINTAINER:+--maintainer "$MAINTAINER"} "$@"
