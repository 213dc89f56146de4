{{/* What would not work, said before anything is installed. The rest `tollgate check` says. */}}
{{- define "tollgate.check" -}}
{{- $config := include "tollgate.config" . | fromYaml -}}
{{- include "tollgate.check.secrets" (dict "value" $config "path" "config") -}}
{{- range .Values.env -}}
  {{- if and (hasKey . "value") (regexMatch "(?i)(secret|password|passwd|token|api_?key)$" .name) -}}
    {{- fail (printf "env: %s looks like a secret: keep it in a Secret and name it with valueFrom.secretKeyRef" .name) -}}
  {{- end -}}
{{- end -}}
{{- if not $config.identity -}}
  {{- fail "config.identity is missing: the gateway's own identity, or set workloadIdentity.enabled" -}}
{{- end -}}
{{- if not $config.backends -}}
  {{- fail "config.backends is missing: the Azure OpenAI resources" -}}
{{- end -}}
{{- if and .Values.workloadIdentity.enabled (not .Values.workloadIdentity.clientId) -}}
  {{- fail "workloadIdentity.clientId is missing: the client id of the managed identity" -}}
{{- end -}}
{{- if not (regexMatch "^(0\\.0\\.0\\.0|\\[::\\]):[1-9][0-9]*$" $config.listen.admin) -}}
  {{- fail (printf "config.listen.admin is %s: the kubelet asks it from outside of the pod, so it must be 0.0.0.0:PORT" $config.listen.admin) -}}
{{- end -}}
{{- $grpc := $config.listen.grpc -}}
{{- if eq .Values.mode "service" -}}
  {{- if not (regexMatch "^(0\\.0\\.0\\.0|\\[::\\]):[1-9][0-9]*$" $grpc) -}}
    {{- fail (printf "config.listen.grpc is %s: in mode service Envoy calls it over the network, so it must be 0.0.0.0:PORT" $grpc) -}}
  {{- end -}}
  {{- if not .Values.tls.existingSecret -}}
    {{- fail "tls.existingSecret is missing: in mode service tollgate needs a Secret with tls.crt, tls.key and ca.crt" -}}
  {{- end -}}
  {{- if not $config.listen.grpc_tls.clients -}}
    {{- fail "envoys is empty: in mode service the names in the client certificates of the Envoys that may call" -}}
  {{- end -}}
  {{- if or (not .Values.decisions.existingSecret) (not $config.decisions.keys) -}}
    {{- fail "decisions.existingSecret is missing: in mode service replicas share the keys of the decisions that Envoy carries between them" -}}
  {{- end -}}
{{- else -}}
  {{- if not (hasPrefix "unix:/run/tollgate/" $grpc) -}}
    {{- fail (printf "config.listen.grpc is %s: in mode %s it is a socket in /run/tollgate, which the pod's containers share" $grpc .Values.mode) -}}
  {{- end -}}
  {{- if $config.decisions -}}
    {{- fail (printf "config.decisions: in mode %s a decision stays in its pod; leave it out" .Values.mode) -}}
  {{- end -}}
{{- end -}}
{{- $envoy := $config.envoy | default dict -}}
{{- if and (eq .Values.mode "standalone") (not $envoy.plaintext) (not .Values.envoy.tls.existingSecret) -}}
  {{- fail "envoy.tls.existingSecret is missing: a Secret with tls.crt and tls.key, which callers see; or set config.envoy.plaintext where something in front ends TLS" -}}
{{- end -}}
{{- if and (hasKey $config.listen "control") (not (hasPrefix "unix:/run/tollgate-control/" $config.listen.control)) -}}
  {{- fail (printf "config.listen.control is %s: it must be a socket in a folder of its own below /run/tollgate-control" $config.listen.control) -}}
{{- end -}}
{{- if ne .Values.mode "sidecar" -}}
  {{- include "tollgate.check.replicas" (dict "root" . "config" $config) -}}
{{- end -}}
{{- end -}}

{{/* What replicas must share. */}}
{{- define "tollgate.check.replicas" -}}
{{- $replicas := include "tollgate.replicas" .root | int -}}
{{- if gt $replicas 1 -}}
  {{- if not .config.database -}}
    {{- fail (printf "config.database is missing: %d replicas share issued keys, the owners of stored objects and usage in PostgreSQL" $replicas) -}}
  {{- end -}}
  {{- $limits := .config.limits | default dict -}}
  {{- $limited := or $limits.everything $limits.deployments -}}
  {{- range concat (.config.clients | default list) (.config.products | default list) -}}
    {{- if omit (.limits | default dict) "concurrent_requests" "request_bytes" -}}
      {{- $limited = true -}}
    {{- end -}}
  {{- end -}}
  {{- if and $limited (not $limits.redis) -}}
    {{- fail (printf "config.limits.redis is missing: without it each of the %d replicas allows all of a limit" $replicas) -}}
  {{- end -}}
  {{- if and $limits.redis (ne (int $limits.redis.replicas) $replicas) -}}
    {{- fail (printf "config.limits.redis.replicas is %d, and there may be %d replicas: leave it out, and the chart writes it" (int $limits.redis.replicas) $replicas) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* A secret that is written into the values would be in the ConfigMap, and in helm's history. */}}
{{- define "tollgate.check.secrets" -}}
{{- $path := .path -}}
{{- if kindIs "map" .value -}}
  {{- range $name, $value := .value -}}
    {{- $here := printf "%s.%s" $path $name -}}
    {{- if and (has $name (list "secret" "password" "end_users_key")) (not (kindIs "map" $value)) -}}
      {{- fail (printf "%s: no secret belongs in values: write { file: /etc/tollgate/… } and name its Secret in secretFiles" $here) -}}
    {{- end -}}
    {{- if and (eq $name "keys") (kindIs "slice" $value) -}}
      {{- range $value -}}
        {{- if not (kindIs "map" .) -}}
          {{- fail (printf "%s: no secret belongs in values: write { file: /etc/tollgate/… } and name its Secret in secretFiles" $here) -}}
        {{- end -}}
      {{- end -}}
    {{- end -}}
    {{- include "tollgate.check.secrets" (dict "value" $value "path" $here) -}}
  {{- end -}}
{{- else if kindIs "slice" .value -}}
  {{- range $at, $value := .value -}}
    {{- include "tollgate.check.secrets" (dict "value" $value "path" (printf "%s[%d]" $path $at)) -}}
  {{- end -}}
{{- else if kindIs "string" .value -}}
  {{- if regexMatch "^[a-z+]+://[^/@]*:[^@]*@|^[a-z+]+://.*[?&]password=" .value -}}
    {{- fail (printf "%s: a password in a URL: write `password: { file: /etc/tollgate/… }` and name its Secret in secretFiles" $path) -}}
  {{- end -}}
  {{- if regexMatch "^tgk_" .value -}}
    {{- fail (printf "%s: this is a key itself: write its SHA-256, as `tollgate key generate` prints it" $path) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
