# A separate dockerd, next to whatever runs on this machine already. To be sourced.
# shellcheck shell=bash

# Debian's client builds with the daemon's BuildKit; others want a plugin for that.
client=/usr/bin/docker
export DOCKER_BUILDKIT=1

# `start_daemon RUN DATA`: sockets and process ids in RUN, whose path must be short; images and layers in
# DATA. Sets DOCKER and DOCKER_HOST.
start_daemon() {
  daemon_run=$1
  daemon_data=$2
  mkdir -p "$daemon_run" "$daemon_data"
  export DOCKER_HOST=unix://$daemon_run/docker.sock
  export DOCKER="$client --host $DOCKER_HOST"
  # Nothing of this machine's network is changed: no rules of a firewall (those of another dockerd would
  # be thrown away), no forwarding, no default bridge. Containers reach each other and nobody outside,
  # and ports are published by a process. In a session of its own, so that Ctrl-C ends it last.
  setsid dockerd --data-root "$daemon_data" --exec-root "$daemon_run/exec" \
    --pidfile "$daemon_run/dockerd.pid" --host "$DOCKER_HOST" --bridge=none \
    --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
    >"$daemon_run/dockerd.log" 2>&1 &
  daemon=$!
  local end=$((SECONDS + 60))
  until $DOCKER version >/dev/null 2>&1; do
    if ! kill -0 "$daemon" 2>/dev/null || ((SECONDS > end)); then
      echo "stack: dockerd does not start:" >&2
      tail -20 "$daemon_run/dockerd.log" >&2
      return 1
    fi
    sleep 0.2
  done
}

# `is_running PROCESS`
is_running() { [[ -n $1 ]] && kill -0 "$1" 2>/dev/null; }

# `gone PROCESS SECONDS`: whether it is, in that time.
gone() {
  local end=$((SECONDS + $2))
  while is_running "$1"; do
    ((SECONDS < end)) || return 1
    sleep 0.2
  done
}

# Ends it with all of its containers, and waits; what it has begun is ended even if it does not do so.
stop_daemon() {
  [[ -n ${daemon:-} ]] || return 0
  local containerd
  containerd=$(cat "$daemon_run/exec/containerd/containerd.pid" 2>/dev/null || true)
  kill "$daemon" 2>/dev/null || true
  gone "$daemon" 60 || kill -KILL "$daemon" 2>/dev/null || true
  gone "$containerd" 10 || kill -KILL "$containerd" 2>/dev/null || true
  daemon=
}

# `unmount_below FOLDER...`: what was left mounted in there, or the folders could not be removed.
unmount_below() {
  local folder mount
  for folder in "$@"; do
    awk -v below="$folder/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort --reverse |
      while read -r mount; do umount --lazy "$mount"; done
  done
}
