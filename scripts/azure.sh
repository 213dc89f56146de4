#!/usr/bin/env bash
# Checks deploy/azure with what this machine has. Bicep files by the compiler (`bicep`), or else their grammar, names
# and modules, and each resource against the compiler's own types in a checkout of
# https://github.com/Azure/bicep-types-az. Terraform files by `tofu` or `terraform`, which fetches the provider.
# usage: scripts/azure.sh target/tools/azure [FOLDER OF bicep-types-az]
set -euo pipefail

venv=$1
types=${2:-}
mapfile -t files < <(find deploy/azure/bicep -name '*.bicep' | sort)

if command -v bicep >/dev/null; then
  for file in "${files[@]}"; do
    bicep build "$file" --stdout >/dev/null
  done
  bicep build-params deploy/azure/bicep/main.bicepparam --stdout >/dev/null
  echo "${#files[@]} files: bicep takes them"
elif [[ -d $types/generated ]]; then
  scripts/venv.sh "$venv" integration/azure/requirements.txt python -c 'import tree_sitter'
  "$venv/bin/python" integration/azure/check.py "$types/generated" \
    "${files[@]}" deploy/azure/bicep/main.bicepparam
else
  echo "neither bicep, nor TYPES=FOLDER with a checkout of https://github.com/Azure/bicep-types-az" >&2
  exit 1
fi

tool=$(command -v tofu || command -v terraform || true)
if [[ -z $tool ]]; then
  echo "neither tofu nor terraform: deploy/azure/terraform is not checked" >&2
  exit 1
fi
"$tool" -chdir=deploy/azure/terraform fmt -check -diff
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
# A copy, so that nothing is left there: which version of the provider it is, is yours to lock.
cp deploy/azure/terraform/*.tf "$data"
if ! "$tool" -chdir="$data" init -backend=false -input=false >"$data/log" 2>&1; then
  cat "$data/log" >&2
  echo "deploy/azure/terraform is formatted, and not validated: the provider can't be fetched here" >&2
  exit 1
fi
"$tool" -chdir="$data" validate
