#!/usr/bin/env bash
# Builds the translators of the real control planes from source: Envoy Gateway's own command, and a small program around
# Istio's pilot. Does nothing for one that is there and made from the same, so it needs the network and Go once; it takes long.
# usage: integration/mesh/build.sh FOLDER [envoy-gateway|istio]...
set -euo pipefail

folder=$(mkdir -p "$1" && cd "$1" && pwd)
shift
here=$(cd "$(dirname "$0")" && pwd)
# Go modules and their hashes, as `go mod download -json` says them. Istio's releases are not in Go's module proxy by
# their numbers: this is its main branch on 2026-08-27, which calls itself 1.31.
ENVOY_GATEWAY="github.com/envoyproxy/gateway@v1.9.1"
ENVOY_GATEWAY_SUM="h1:vAVp6/AlBXJ1aOhp1mxL7fNEzVEfjADUguUhm2wzxQY="
ISTIO="istio.io/istio@v0.0.0-20260827124520-eed52ebb66ad"
ISTIO_SUM="h1:ui9TJjRMAV/hb5ehQaZDq7IUGxuQP6dra9lapT/VjHI="

# Puts a copy of a module into a folder: what lies in Go's cache may not be written to.
fetch() {
  local module=$1 sum=$2 copy=$3 said
  said=$(cd / && go mod download -json "$module")
  python3 - "$sum" "$copy" "$said" <<'PY'
import json, shutil, sys
wanted, copy, said = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
if said["Sum"] != wanted:
    sys.exit(f"{said['Path']} has another hash than the one that is pinned: {said['Sum']}")
shutil.copytree(said["Dir"], copy, copy_function=shutil.copyfile)
PY
  find "$copy" -type d -exec chmod u+w {} +
}

# Builds a command of the module whose copy is here, whole or not at all.
build() {
  local name=$1 command=$2
  CGO_ENABLED=0 go build -mod=mod -trimpath -ldflags "-s -w" -o "$folder/.$name" "$command"
  mv "$folder/.$name" "$folder/$name"
  made_from "$name" >"$folder/$name.made-from"
}

# What one is made from.
made_from() {
  case $1 in
    envoy-gateway) echo "$ENVOY_GATEWAY_SUM" ;;
    istio) echo "$ISTIO_SUM" && sha256sum <"$here/istio/main.go" ;;
  esac
}

for platform in "${@:-envoy-gateway istio}"; do
  for one in $platform; do
    # One pilot configures gateways and sidecars.
    one=${one%-sidecar}
    [[ -x $folder/$one && $(made_from "$one") == "$(cat "$folder/$one.made-from" 2>/dev/null)" ]] && continue
    echo "building $one's translator from source into $folder: 15 minutes or more on two cores" >&2
    work=$(mktemp -d "$folder/.build.XXXXXX")
    trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
    case $one in
      envoy-gateway)
        fetch "$ENVOY_GATEWAY" "$ENVOY_GATEWAY_SUM" "$work/gateway"
        (cd "$work/gateway" && build "$one" ./cmd/egctl)
        ;;
      istio)
        fetch "$ISTIO" "$ISTIO_SUM" "$work/istio"
        mkdir "$work/istio/pilot/cmd/tollgate-xds"
        cp "$here/istio/main.go" "$work/istio/pilot/cmd/tollgate-xds/"
        (cd "$work/istio" && build "$one" ./pilot/cmd/tollgate-xds)
        ;;
      *)
        echo "build.sh: no word for $one" >&2
        exit 2
        ;;
    esac
    chmod -R u+w "$work" && rm -rf "$work"
    trap - EXIT
  done
done
