#!/usr/bin/env bash
# The long runs of the tests of the ledger. The judge is the fake's own bills.
# usage: scripts/soak.sh
set -euo pipefail

export TOLLGATE_SOAK_KILLS=${TOLLGATE_SOAK_KILLS:-10000}
# Where the kills go on after this was stopped. Another build begins anew.
export TOLLGATE_SOAK_STATE=${TOLLGATE_SOAK_STATE:-$PWD/${CARGO_TARGET_DIR:-target}/soak/kills.json}
export TOLLGATE_SOAK_REQUESTS=${TOLLGATE_SOAK_REQUESTS:-100000}
export TOLLGATE_SOAK_RECORDS=${TOLLGATE_SOAK_RECORDS:-1000000}

# One after the other: each wants the machine for itself.
cargo test --workspace --locked --test gateway -- --nocapture crash::killed
cargo test --workspace --locked --test gateway -- --nocapture load::the_ledger
cargo test --workspace --locked --test database -- --nocapture size::
