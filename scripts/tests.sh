#!/usr/bin/env bash
# Runs every test, and goes on after a failure so that one run says all that is broken.
set -uo pipefail

failed=0
# First, so that what is printed last is the count of the rest.
cargo test --workspace --locked --doc || failed=1
# nextest if it is installed: it runs tests in processes of their own.
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --workspace --locked --no-fail-fast || failed=1
else
  cargo test --workspace --locked --lib --bins --tests --no-fail-fast || failed=1
fi
exit "$failed"
