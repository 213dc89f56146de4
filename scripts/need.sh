#!/usr/bin/env bash
# Says in one line each which of the named tools this machine lacks, and how to get them.
# usage: scripts/need.sh TOOL...
set -euo pipefail

missing=0
lack() {
  printf 'missing: %s. Get it with: %s\n' "$1" "$2" >&2
  missing=1
}

has() { command -v "$1" >/dev/null 2>&1; }

for tool in "$@"; do
  case $tool in
    cargo)
      has cargo || lack "cargo (Rust 1.94 or later)" "https://rustup.rs"
      ;;
    rustfmt | clippy)
      # The binary may be rustup's stand-in for a component that is not installed: ask it.
      cargo "${tool/rustfmt/fmt}" --version >/dev/null 2>&1 ||
        lack "$tool" "rustup component add $tool"
      ;;
    cc)
      has cc || lack "a C compiler" "apt-get install gcc libc6-dev"
      ;;
    c++)
      # libFuzzer is written in it.
      has c++ || lack "a C++ compiler" "apt-get install g++"
      ;;
    python)
      # Debian ships python3 without ensurepip, which a venv needs.
      python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' \
        >/dev/null 2>&1 ||
        lack "python3 (3.10 or later) with venv" "apt-get install python3 python3-venv"
      ;;
    python3.11)
      # For clients that have given up 3.10.
      python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
        >/dev/null 2>&1 ||
        lack "python3 (3.11 or later) with venv" "apt-get install python3 python3-venv"
      ;;
    node)
      # The issuers of the tests: node 20 or later, and npm to fetch them.
      { node -e 'process.exit(parseInt(process.versions.node, 10) < 20 ? 1 : 0)' && has npm; } \
        >/dev/null 2>&1 ||
        lack "node (20 or later) with npm" "apt-get install nodejs npm"
      ;;
    postgresql)
      # The server's programs, where Debian has them; no cluster is needed, and tests make their own.
      compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ||
        lack "postgresql" "apt-get install postgresql"
      ;;
    go)
      # Builds helm and the control planes of meshes; one that is too old for that fetches a newer one, which it can from 1.21 on.
      go version 2>/dev/null | grep -qE 'go1\.(2[1-9]|[3-9][0-9])' ||
        lack "go (1.21 or later)" "apt-get install golang-go, or from https://go.dev/dl"
      ;;
    chromium)
      # The console is looked at in it; without a window.
      has chromium || lack "chromium" "apt-get install chromium"
      ;;
    redis)
      # Servers of the tests' own; none of them is the one that Debian starts.
      { has redis-server && has redis-cli; } || lack "redis-server" "apt-get install redis-server"
      ;;
    prometheus)
      # A server of a test's own, and promtool; none of them is the one that Debian starts.
      { has prometheus && has promtool; } || lack "prometheus" "apt-get install prometheus"
      ;;
    systemd)
      # Its tools read the unit; no systemd needs to run.
      has systemd-analyze || lack "systemd-analyze" "apt-get install systemd"
      ;;
    dpkg-dev)
      # For the libraries that the Debian package depends on.
      has dpkg-shlibdeps || lack "dpkg-shlibdeps" "apt-get install dpkg-dev"
      ;;
    root)
      [[ $(id -u) == 0 ]] || lack "the rights of root, for containers of its own" "sudo make stack-test"
      ;;
    docker)
      # Debian's client builds with the daemon's BuildKit; others want a plugin for that.
      { has dockerd && [[ -x /usr/bin/docker ]]; } ||
        lack "Debian's docker" "apt-get install docker.io"
      ;;
    docker-compose | debootstrap | curl | lintian | openssl | wrk)
      has "$tool" || lack "$tool" "apt-get install $tool"
      ;;
    *)
      echo "need.sh: no word for $tool" >&2
      exit 2
      ;;
  esac
done

exit "$missing"
