#!/usr/bin/env bash
# The demo stack for real: builds both images, starts docker-compose.yml, waits until all of it is healthy,
# tries it, and takes it down; with a separate dockerd, which is ended whatever happens. What is
# not available here is made by hand (stack/images.sh), or left out and reported.
# usage: [KEEP=1] scripts/stack.sh FOLDER ENVOY PYTHON
# KEEP=1 keeps what dockerd has built in FOLDER/data for the next time, which then takes a minute.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(realpath --canonicalize-missing "$1")
envoy=$2
python=$3
# shellcheck source=scripts/stack/daemon.sh
source scripts/stack/daemon.sh
# Sockets have short paths.
run=$(mktemp --directory /tmp/tollgate-stack.XXXXXX)
# The file as it is, without what a developer may have put beside it.
export COMPOSE_PROJECT_NAME=tollgate-stack-test COMPOSE_FILE=docker-compose.yml
# Seconds for all to be healthy.
HEALTHY_WITHIN=180

say() { printf 'stack: %s\n' "$*"; }

# Runs what takes long in a session of its own and waits, so that a signal is heard at once and ends all of
# it: bash hears none while it waits for a command in the foreground.
patiently() {
  local status=0
  setsid "$@" &
  busy=$!
  wait "$busy" || status=$?
  busy=
  return "$status"
}

verdict="stack: failed"
end() {
  local status=$?
  trap - EXIT INT TERM
  set +e
  [[ -z ${busy:-} ]] || { kill -- "-$busy" && wait "$busy"; }
  if [[ -n ${daemon:-} ]] && kill -0 "$daemon" 2>/dev/null; then
    if ((status != 0)); then
      docker-compose ps
      docker-compose logs --no-color --tail 40
    fi >&2
    docker-compose down --volumes --timeout 45 >"$run/down.log" 2>&1 ||
      { status=1 && cat "$run/down.log" >&2; }
    # What `down` has left if it failed: a network is a device of this machine's.
    $DOCKER ps --all --quiet | xargs --no-run-if-empty "$client" --host "$DOCKER_HOST" rm --force --volumes
    $DOCKER network prune --force >/dev/null
  fi
  [[ ! -f $run/failed ]] || verdict+=$'\n'$(cat "$run/failed")
  stop_daemon || status=1
  unmount_below "$run" "$folder"
  rm -rf "$run" || status=1
  [[ -n ${KEEP:-} ]] || rm -rf "$folder/data" || status=1
  say "what was started is gone${KEEP:+, and $folder/data is kept}"
  ((status != 0)) || verdict="stack: all of it works"
  echo "$verdict"
  exit "$status"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

start_daemon "$run" "$folder/data"
say "dockerd runs, with $(du -sh "$folder/data" | cut -f1) in $folder/data"

# Grafana is not among Debian's packages, and nobody waits for it.
left_out=grafana
mapfile -t services < <(docker-compose config --services | grep --invert-match --line-regexp "$left_out")
say "left out: $left_out, which no registry here has. Its dashboard's queries are checked by make test"

# What the Dockerfile begins with, but for its own stages, and what the services run that are not built.
mapfile -t bases < <(
  awk '/^FROM/ && !(tolower($2) in stage) { print $2 } /^FROM/ { stage[tolower($4)] = 1 }' Dockerfile
  docker-compose config | awk '$1 == "image:" { print $2 }' |
    grep --invert-match --extended-regexp '^(tollgate|tollgate-fakes|grafana/.*)$'
)
mapfile -t bases < <(printf '%s\n' "${bases[@]}" | sort --unique)
patiently scripts/stack/images.sh "$folder/base" "$envoy" "${bases[@]}"

for image in tollgate fakes; do
  name=tollgate-fakes
  [[ $image == fakes ]] || name=$image
  say "building the image $name"
  # There is nothing to reach: crates come with the image of rust.
  # shellcheck disable=SC2086 # a command and its options
  patiently $DOCKER build --network none --progress plain --target "$image" --tag "$name" . \
    >"$run/$name.log" 2>&1 || {
    tail -40 "$run/$name.log" >&2
    exit 1
  }
done

say "starting: ${services[*]}"
patiently docker-compose up --detach --no-build "${services[@]}" >"$run/up.log" 2>&1 ||
  { cat "$run/up.log" >&2 && exit 1; }

# `state SERVICE`: healthy, or what it is instead; a job that is done is what it has to be.
state() {
  local id
  id=$(docker-compose ps --quiet "$1" || true)
  [[ -n $id ]] || { echo missing && return; }
  $DOCKER inspect --format \
    '{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}} {{.State.ExitCode}}{{end}}' "$id"
}

deadline=$((SECONDS + HEALTHY_WITHIN))
for service in "${services[@]}"; do
  wanted=healthy
  [[ $service != certificates ]] || wanted="exited 0"
  until [[ $(state "$service") == "$wanted" ]]; do
    ((SECONDS < deadline)) || {
      say "$service is $(state "$service") after $HEALTHY_WITHIN s, and not $wanted" >&2
      exit 1
    }
    sleep 0.5
  done
  say "$service is $wanted"
done

patiently scripts/stack/checks.sh "$run" "$python"
