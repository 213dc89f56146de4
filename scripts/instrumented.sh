#!/usr/bin/env bash
# rustc for `make fuzz`: our own crates with the counters that libFuzzer is led by, everything else as
# always, so that the dependencies that are built already serve. As RUSTC_WORKSPACE_WRAPPER.
# usage: scripts/instrumented.sh RUSTC ARGUMENT...
set -euo pipefail

flags=()
case " $* " in
  *" --crate-name tollgate "*" --crate-type lib "* | *" --crate-name tollgate_fuzz "* | *" --crate-name fuzz "*)
    flags=(
      -Cpasses=sancov-module
      -Cllvm-args=-sanitizer-coverage-level=4
      -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
      -Cllvm-args=-sanitizer-coverage-pc-table
      -Cllvm-args=-sanitizer-coverage-trace-compares
      # Fast enough for many runs, and still with every check of a debug build.
      -Copt-level=1 -Cdebug-assertions=on -Coverflow-checks=on
    )
    ;;
esac
exec "$@" ${flags[@]+"${flags[@]}"}
