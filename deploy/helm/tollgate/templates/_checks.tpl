{{/* What would not work, said before anything is installed. The rest `tollgate check` says. */}}
{{- define "tollgate.check" -}}
{{- $config := include "tollgate.config" . | fromYaml -}}
{{- include "tollgate.check.secrets" (dict "value" $config "path" "config") -}}
{{- range .Values.env -}}
  {{- if and (hasKey . "value") (regexMatch "(?i)(secret|password|passwd|token|api_?key)$" .name) -}}
    {{- fail (printf "env: %s looks like a secret: keep it in a Secret and name it with valueFrom.secretKeyRef" .name) -}}
  {{- end -}}
  {{- if include "tollgate.hasPassword" (.value | default "" | toString) -}}
    {{- fail (printf "env: %s has a password in a URL: keep it in a Secret and name it with valueFrom.secretKeyRef" .name) -}}
  {{- end -}}
{{- end -}}
{{- include "tollgate.check.unused" . -}}
{{- if not $config.identity -}}
  {{- fail "config.identity is missing: the gateway's own identity, or set workloadIdentity.enabled" -}}
{{- end -}}
{{- if not $config.backends -}}
  {{- fail "config.backends is missing: the Azure OpenAI resources" -}}
{{- end -}}
{{- if and .Values.workloadIdentity.enabled (not .Values.workloadIdentity.clientId) -}}
  {{- fail "workloadIdentity.clientId is missing: the client id of the managed identity" -}}
{{- end -}}
{{- $labelled := or .Values.workloadIdentity.enabled (hasKey .Values.podLabels "azure.workload.identity/use") -}}
{{- if and (hasKey ($config.identity | default dict) "workload_identity") (not $labelled) (ne .Values.mode "sidecar") -}}
  {{- fail "config.identity.workload_identity needs workloadIdentity: { enabled: true, clientId: … }: no other pods are given a token" -}}
{{- end -}}
{{- with $config.drain_timeout -}}
  {{- if not (regexMatch "^[0-9]+(ms|s|m|h|d)$" (toString .)) -}}
    {{- fail (printf "config.drain_timeout is %v: it must be a duration, such as 90s" .) -}}
  {{- end -}}
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
{{- include "tollgate.check.files" (dict "root" . "config" $config) -}}
{{- if ne .Values.mode "sidecar" -}}
  {{- include "tollgate.check.replicas" (dict "root" . "config" $config) -}}
{{- end -}}
{{- end -}}

{{/* Values of another mode would do nothing. */}}
{{- define "tollgate.check.unused" -}}
{{- if ne .Values.mode "service" -}}
  {{- $own := dict "tls.existingSecret" .Values.tls.existingSecret "decisions.existingSecret" .Values.decisions.existingSecret "envoys" .Values.envoys -}}
  {{- range $name, $value := $own -}}
    {{- if $value -}}
      {{- fail (printf "%s is of mode service, and the mode is %s: leave it out" $name $.Values.mode) -}}
    {{- end -}}
  {{- end -}}
{{- else if and .Values.networkPolicy.enabled (not .Values.networkPolicy.envoys) -}}
  {{- fail "networkPolicy.envoys is empty: nobody could call tollgate. Say where the Envoys are, or networkPolicy.enabled: false" -}}
{{- end -}}
{{- if and (ne .Values.mode "standalone") .Values.envoy.tls.existingSecret -}}
  {{- fail (printf "envoy.tls.existingSecret is of mode standalone, and the mode is %s: leave it out" .Values.mode) -}}
{{- end -}}
{{- end -}}

{{/* Files below /etc/tollgate: each is there once, and what the configuration names is there. */}}
{{- define "tollgate.check.files" -}}
{{- $files := list "tollgate.yaml" -}}
{{- with .root.Values -}}
  {{- if eq .mode "service" -}}
    {{- $files = concat $files (list "tls/tls.crt" "tls/tls.key" "tls/ca.crt") -}}
    {{- range .decisions.keys -}}{{- $files = append $files (printf "decisions/%s" .) -}}{{- end -}}
  {{- end -}}
  {{- range concat .secretFiles .configMapFiles -}}
    {{- if has .path $files -}}
      {{- fail (printf "secretFiles, configMapFiles: /etc/tollgate/%s is there already: give it another path" .path) -}}
    {{- end -}}
    {{- $files = append $files .path -}}
  {{- end -}}
{{- end -}}
{{- include "tollgate.check.named" (dict "files" $files "value" .config "path" "config") -}}
{{- end -}}

{{- define "tollgate.check.named" -}}
{{- $all := . -}}
{{- if kindIs "map" .value -}}
  {{- range $name, $value := .value -}}
    {{- include "tollgate.check.named" (dict "files" $all.files "value" $value "path" (printf "%s.%s" $all.path $name)) -}}
  {{- end -}}
{{- else if kindIs "slice" .value -}}
  {{- range $at, $value := .value -}}
    {{- include "tollgate.check.named" (dict "files" $all.files "value" $value "path" (printf "%s[%d]" $all.path $at)) -}}
  {{- end -}}
{{- else if and (kindIs "string" .value) (hasPrefix "/etc/tollgate/" .value) -}}
  {{- $file := trimSuffix "/" (trimPrefix "/etc/tollgate/" .value) -}}
  {{- $found := false -}}
  {{- range .files -}}
    {{- /* Or a folder of them. */ -}}
    {{- if or (eq . $file) (hasPrefix (printf "%s/" $file) .) -}}{{- $found = true -}}{{- end -}}
  {{- end -}}
  {{- if not $found -}}
    {{- fail (printf "%s: the pod has no %s: name its Secret in secretFiles, or its ConfigMap in configMapFiles" .path .value) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* What replicas must share. */}}
{{- define "tollgate.check.replicas" -}}
{{- $replicas := include "tollgate.replicas" .root | int -}}
{{- $scaling := .root.Values.autoscaling -}}
{{- if and $scaling.enabled (gt (int $scaling.minReplicas) (int $scaling.maxReplicas)) -}}
  {{- fail (printf "autoscaling.minReplicas is %d, and maxReplicas %d" (int $scaling.minReplicas) (int $scaling.maxReplicas)) -}}
{{- end -}}
{{- if gt $replicas 1 -}}
  {{- if not .config.database -}}
    {{- fail (printf "config.database is missing: %d replicas share issued keys, the owners of stored objects and usage in PostgreSQL" $replicas) -}}
  {{- end -}}
  {{- $limits := .config.limits | default dict -}}
  {{- $limited := or $limits.everything $limits.deployments -}}
  {{- range concat (.config.clients | default list) (.config.products | default list) -}}
    {{- /* What is no mapping `tollgate check` refuses. */ -}}
    {{- $own := kindIs "map" . | ternary . dict -}}
    {{- if kindIs "map" $own.limits -}}
      {{- if omit $own.limits "concurrent_requests" "request_bytes" -}}
        {{- $limited = true -}}
      {{- end -}}
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

{{/* Whether a text is a URL with a password. */}}
{{- define "tollgate.hasPassword" -}}
{{- if regexMatch "^[a-z+]+://[^/@]*:[^@]*@|^[a-z+]+://.*[?&]password=" . -}}yes{{- end -}}
{{- end -}}

{{/* A secret that is written into the values would be in the ConfigMap, and in helm's history. */}}
{{- define "tollgate.check.secrets" -}}
{{- $path := .path -}}
{{- if kindIs "map" .value -}}
  {{- range $name, $value := .value -}}
    {{- $here := printf "%s.%s" $path $name -}}
    {{- /* The members that say where a secret is, or where several are: all of src/config/secret.rs. */ -}}
    {{- if has $name (list "end_users_key" "keys" "password" "secret") -}}
      {{- range kindIs "slice" $value | ternary $value (list $value) -}}
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
  {{- if include "tollgate.hasPassword" .value -}}
    {{- fail (printf "%s: a password in a URL: write `password: { file: /etc/tollgate/… }` and name its Secret in secretFiles" $path) -}}
  {{- end -}}
  {{- if regexMatch "^tgk_" .value -}}
    {{- fail (printf "%s: this is a key itself: write its SHA-256, as `tollgate key generate` prints it" $path) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
