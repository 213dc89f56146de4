#!/usr/bin/env bash
# Runs the tests of requests through Envoys that the real control planes configure, and goes on after a failure.
# usage: integration/mesh/test.sh FOLDER-OF-TRANSLATORS [envoy-gateway|istio|istio-sidecar]...
set -uo pipefail

folder=$(cd "$1" && pwd)
shift
# Callers, swap, count, refusals, kills, shares, several backends and client certificates. The other tests are of tollgate's own,
# whichever Envoy there is, or change an Envoy's file in places that only an Envoy of one's own has.
TESTS=(
  mesh:: mesh_service:: replicas::three replicas::network swap:: callers:: faults:: hang_up:: certificates:: metering:: operations:: crash:: lifecycle:: limits::
  realtime:: pools:: tokens:: access:: shares::
)
EXCEPT=(
  # They change the file of Envoy itself.
  a_missing_cluster_of_ext_proc_lets_no_credential_and_no_identity_out
  ext_proc_without_ext_authz_refuses
  a_body_that_envoy_streams_instead_of_buffering_is_refused
  a_stream_with_trailers_is_counted_once
  the_attempts_of_envoy_are_recorded
  # Control planes check the names of backends, and take no addresses.
  a_backend_can_be_named_by_its_address
  a_backend_whose_certificate_is_for_another_address_gets_nothing
)

# What one of them can't be asked: each word is a part of the names of tests.
except() {
  printf '%s\n' "${EXCEPT[@]}"
  case $1 in
    # It resumes no sessions.
    envoy-gateway) echo a_resumed_session_does_not_bring_back_a_revoked_certificate ;;
    # Who asks is in the same pod, and has no certificate.
    istio-sidecar) echo certificates:: ;;
  esac
}

failed=0
for platform in "${@:-envoy-gateway istio istio-sidecar}"; do
  for one in $platform; do
    echo "== through the Envoy that $one configures" >&2
    skip=()
    while read -r name; do skip+=(--skip "$name"); done < <(except "$one")
    # The same pilot configures both of Istio's proxies.
    TOLLGATE_MESH=$one TOLLGATE_TRANSLATOR=$folder/${one%-sidecar} \
      cargo test --workspace --locked --test gateway -- "${skip[@]}" "${TESTS[@]}" || failed=1
  done
done
exit "$failed"
