#!/usr/bin/env bash
# Takes the pictures of the console that the documentation has, from the test that looks at it in a browser.
# usage: scripts/screenshots.sh FOLDER
set -euo pipefail

mkdir -p "$1"
TOLLGATE_SCREENSHOTS=$(cd "$1" && pwd)
export TOLLGATE_SCREENSHOTS
cargo test --locked --workspace --test gateway console::browser
ls -l "$1"/console-*.png
