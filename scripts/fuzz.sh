#!/usr/bin/env bash
# Tries every target of fuzz/ (or those that are named) with libFuzzer, beginning with its corpus. What
# breaks is kept under target/fuzz/, with the command that shows it again.
# usage: RUNS=20000 TIME=10 scripts/fuzz.sh [TARGET...]     ; RUNS=-1: only TIME (seconds, each) bounds
set -euo pipefail

runs=${RUNS:-20000}
seconds=${TIME:-10}
built=${CARGO_TARGET_DIR:-target}
targets=("$@")
((${#targets[@]})) || targets=(fuzz/corpus/*/)

# The same packages and features as `make test` builds, so that the dependencies are there already.
RUSTC_WORKSPACE_WRAPPER=$PWD/scripts/instrumented.sh \
  cargo build --locked --workspace --example fuzz --features tollgate-fuzz/libfuzzer

failed=0
for target in "${targets[@]}"; do
  name=$(basename "$target")
  folder=$built/fuzz/$name
  mkdir -p "$folder/found"
  TARGET=$name "$built/debug/examples/fuzz" -runs="$runs" -max_total_time="$seconds" \
    -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$folder/" -verbosity=1 -print_final_stats=1 \
    "$folder/found" "fuzz/corpus/$name" >"$folder/log" 2>&1 || {
    failed=1
    grep -m1 -A3 "panicked at" "$folder/log" || tail -20 "$folder/log"
    echo "fuzz: $name: broken. Again: TARGET=$name $built/debug/examples/fuzz $folder/crash-…" >&2
    continue
  }
  tried=$(awk '/number_of_executed_units/ { print $2 }' "$folder/log")
  # Without counters libFuzzer guesses blindly and all looks well.
  covered=$(grep -o 'cov: [0-9]*' "$folder/log" | tail -1 | cut -d' ' -f2)
  if ((${covered:-0} < 50)); then
    echo "fuzz: $name: only ${covered:-no} places were reached: is it instrumented?" >&2
    failed=1
  fi
  echo "fuzz: $name: $tried inputs, $covered places in the code"
done
exit "$failed"
