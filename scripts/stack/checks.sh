#!/usr/bin/env bash
# Tries the demo stack that runs: as docker-compose.yml says that it can be tried, with the official SDK,
# and as somebody would who holds Envoy. Then its accounts: the ledger, the metrics in Prometheus.
# usage: DOCKER="docker --host …" scripts/stack/checks.sh FOLDER PYTHON
# FOLDER takes some files: `failed` says what failed, if anything did.
set -euo pipefail

folder=$1
python=$(realpath --no-symlinks "$2")
compose_file=$PWD/docker-compose.yml
# Seconds until Prometheus, which asks every 5 s, has what happened.
SCRAPED_WITHIN=60

failed=0
held=0
# `check WHAT COMMAND...`: the command has to succeed; what it says is shown if it does not.
check() {
  local what=$1 said
  shift
  if said=$("$@" 2>&1); then
    held=$((held + 1))
    echo "  ok: $what"
  else
    failed=$((failed + 1))
    printf '  FAILED: %s: %s\n' "$what" "$said" | tee -a "$folder/failed" >&2
  fi
}
id_of() { docker-compose ps --quiet "$1"; }
in_tollgate() { docker-compose exec -T tollgate tollgate "$@"; }
in_envoy() { docker-compose exec -T envoy bash -euc "$1"; }
fails() { ! "$@"; }
# Envoy's own user may do without: the command fails, and not because it can't be run.
refused_to_envoy() { in_envoy "if ( $1 ) 2>/dev/null; then echo 'it can: $1'; exit 1; fi"; }

# A command from the head of docker-compose.yml, with the lines that it goes on in.
written() {
  sed -n 's/^# \{0,3\}//p' "$compose_file" |
    awk -v begin="$1" 'index($0, begin) { on = 1 } on { print } on && !/\\$/ { exit }'
}

# --- As the file says it can be tried.
authority() {
  local words
  read -r -a words <<<"$(written 'docker compose cp')"
  # docker-compose 1 has no `cp`: docker's own does the same.
  $DOCKER cp "$(id_of envoy):${words[3]#envoy:}" "$folder/${words[4]}"
  [[ -f $folder/ca.pem && ! -L $folder/ca.pem ]] && grep -q 'BEGIN CERTIFICATE' "$folder/ca.pem"
}
check "the authority is copied out as the file says" authority

sent=0
curl_says() { (cd "$folder" && bash -euo pipefail -c "$1") | grep --quiet -- "$2"; }
example=$(written 'curl --cacert')
check "the file's example is answered" curl_says "$example" '"object":"chat.completion"'
sent=$((sent + 1))

# --- With the official SDK: Azure's paths and OpenAI's, whole and streamed.
key=$(grep --only-matching --max-count 1 'tgk_[A-Za-z0-9_]*' "$compose_file")
sdk() {
  local case=$1
  shift
  env --ignore-environment SSL_CERT_FILE="$folder/ca.pem" GATEWAY_URL=https://localhost:8443 \
    GATEWAY_KEY="$key" GATEWAY_MODEL=gpt-4o GATEWAY_HEADERS='{}' GATEWAY_RETRIES=0 \
    "$python" -B -s integration/tests/sdk/cases.py "$case" "$@"
}
for case in chat chat_stream chat_stream_with_usage response response_stream; do
  check "the official SDK: $case, as Azure's and as OpenAI's client" sdk "$case" azure openai
  sent=$((sent + 2))
done

# --- Keys.
status() {
  # HTTP/1.1: curl 7.88 at times takes an answer that comes before all of the body was sent for none.
  curl --silent --http1.1 --output /dev/null --write-out '%{http_code}' --cacert "$folder/ca.pem" \
    https://localhost:8443/openai/v1/chat/completions --header "api-key: $1" \
    --header 'content-type: application/json' \
    --data '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}'
}
answers() {
  local got
  got=$(status "$1") || got="nothing, $got"
  [[ $got == "$2" ]] || { echo "the answer is $got, not $2" && return 1; }
}
check "a key of nobody is refused" answers tgk_nobody 401
read -r -a words <<<"$(written 'docker compose exec tollgate tollgate key issue' |
  sed 's/.*docker compose exec tollgate tollgate//')"
issued=$(in_tollgate "${words[@]}" | head -1)
check "a key that is issued as the file says is good at once" answers "$issued" 200
sent=$((sent + 1))
check "and no more when it is revoked" in_tollgate key revoke "${issued:4:10}"
check "as Envoy then answers" answers "$issued" 401

# --- What whoever holds Envoy gets at.
control=/run/tollgate-control/control.sock
check "Envoy is another user than tollgate" in_envoy '[[ $(stat -c %u /run/tollgate/tollgate.sock) != "$(id -u)" ]]'
check "Envoy's folder has one socket and nothing else" in_envoy '[[ $(ls -A /run/tollgate) == tollgate.sock ]]'
check "the socket and its folder are a group's" in_envoy \
  '[[ $(stat -c "%a %g" /run/tollgate /run/tollgate/tollgate.sock | xargs) == "2750 65533 660 65533" ]]'
check "Envoy can't put anything there" refused_to_envoy 'touch /run/tollgate/other'
check "the socket for commands is not in its container" refused_to_envoy "stat $control"
check "nor is a key of the certificates but its own" refused_to_envoy 'cat /etc/envoy/tls/ca-key.pem'
check "in tollgate's container it is, for tollgate's user" in_tollgate key list
check "the image has no shell" fails docker-compose exec -T tollgate sh -c true
check "tollgate asks itself whether it is ready" in_tollgate health --config /etc/tollgate/tollgate.yaml

# --- The accounts.
ledger() {
  local report
  report=$(in_tollgate usage --config /etc/tollgate/tollgate.yaml --format json)
  grep --quiet "\"requests\": *$sent\b" <<<"$report" ||
    { echo "$sent requests were sent: $report" && return 1; }
}
check "the ledger has each of the $sent requests" ledger

# The value of a query, of which there is one.
value() {
  curl --silent --fail --get http://127.0.0.1:9091/api/v1/query --data-urlencode "query=$1" |
    "$python" -c 'import json, sys; print(json.load(sys.stdin)["data"]["result"][0]["value"][1])'
}
becomes() {
  local end=$((SECONDS + SCRAPED_WITHIN)) got
  until got=$(value "$1" 2>/dev/null) && [[ $got == "$2" ]]; do
    ((SECONDS < end)) || { echo "$1 is ${got:-nothing}, not $2" && return 1; }
    sleep 0.5
  done
}
check "Prometheus reaches tollgate and Envoy" becomes 'sum(up)' 2
check "Prometheus has tollgate's metrics" becomes 'sum(tollgate_requests_total)' "$sent"
check "Prometheus has Envoy's metrics" becomes \
  'sum(envoy_cluster_upstream_rq_total{envoy_cluster_name="azure_openai"})' "$sent"
alerts() {
  local known written
  known=$(curl --silent --fail http://127.0.0.1:9091/api/v1/rules | grep --only-matching '"type":"alerting"' | wc -l)
  written=$(grep --count 'alert:' deploy/prometheus/alerts.yml)
  ((known == written && known > 0)) || { echo "of $written alerts it knows $known" && return 1; }
}
check "Prometheus has the alerts" alerts

# --- The end of it: what is not healthy serves nobody, and streams may finish.
check "tollgate ends in order" docker-compose stop --timeout 45 tollgate
ended_well() { [[ $($DOCKER inspect --format '{{.State.ExitCode}}' "$(id_of tollgate)") == 0 ]]; }
check "with 0" ended_well
check "without it the answer is 503" answers "$key" 503

echo "stack: $held checks hold, $failed do not"
((failed == 0))
