#!/usr/bin/env bash
# Puts what the tests of the Helm chart want into a folder: helm, built from the Go module that
# integration/kubernetes/helm.txt pins by its checksum, and a validator with the schemas of Kubernetes' API, from
# integration/kubernetes/requirements.txt. Does nothing if the folder was made from the same files.
# usage: scripts/kubernetes.sh target/tools/kubernetes
set -euo pipefail

folder=$1
pinned=integration/kubernetes
# Written last: a folder without it is unfinished, and one that differs is of other versions.
made_from=$folder/made-from
wanted=$(cat "$pinned/helm.txt" "$pinned/requirements.txt")
[[ -f $made_from && $(cat "$made_from") == "$wanted" ]] && exit 0

echo "building helm and fetching the schemas of Kubernetes into $folder (a few minutes)" >&2
rm -rf "$folder"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
work=$(mktemp -d "$folder/.build.XXXXXX")
trap 'rm -rf "$work"' EXIT

read -r module version sum <"$pinned/helm.txt"
# A newer Go is fetched where this one is too old for helm. What the build needs is removed after it.
export GOTOOLCHAIN=auto GOFLAGS="-modcacherw -buildvcs=false" \
  GOMODCACHE=$work/modules GOCACHE=$work/cache GOBIN=$work/bin GOTMPDIR=$work
found=$(go mod download -json "$module@$version" | python3 -c 'import json, sys; print(json.load(sys.stdin)["Sum"])')
if [[ $found != "$sum" ]]; then
  echo "$module $version has the checksum $found, and $pinned/helm.txt says $sum" >&2
  exit 1
fi
go install -ldflags "-s -w" "$module/cmd/helm@$version" 2>"$work/log" || {
  cat "$work/log" >&2
  exit 1
}
mv "$work/bin/helm" "$folder/helm"
"$folder/helm" version >/dev/null

scripts/venv.sh "$folder/venv" "$pinned/requirements.txt" python -c 'import kubernetes_validate'
printf '%s\n' "$wanted" >"$made_from"
