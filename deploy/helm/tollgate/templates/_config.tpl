{{/* What tollgate.yaml says: `config`, over what follows from the other values. As YAML. */}}
{{- define "tollgate.config" -}}
{{- $given := .Values.config | default dict -}}
{{- if kindIs "string" $given -}}
  {{- $given = fromYaml $given -}}
  {{- if hasKey $given "Error" -}}
    {{- fail (printf "config: this is not YAML, or no mapping: %s" $given.Error) -}}
  {{- end -}}
{{- end -}}
{{- range list "decisions" "envoy" "identity" "ledger" "limits" "listen" -}}
  {{- $part := get $given . -}}
  {{- if not (or (kindIs "map" $part) (kindIs "invalid" $part) (eq (toString $part) "")) -}}
    {{- fail (printf "config.%s: must have members, such as { name: value }" .) -}}
  {{- end -}}
{{- end -}}
{{- $listen := dict "admin" "0.0.0.0:9090" "grpc" "unix:/run/tollgate/tollgate.sock" -}}
{{- if or $given.data_directory $given.database -}}
  {{- $_ := set $listen "control" "unix:/run/tollgate-control/own/control.sock" -}}
{{- end -}}
{{- $defaults := dict "listen" $listen -}}
{{- if .Values.workloadIdentity.enabled -}}
  {{- if not $given.identity -}}
    {{- $_ := set $defaults "identity" (dict "workload_identity" dict) -}}
  {{- end -}}
{{- end -}}
{{- if eq .Values.mode "service" -}}
  {{- $_ := set $listen "grpc" "0.0.0.0:9000" -}}
  {{- $tls := dict "certificate" "/etc/tollgate/tls/tls.crt" "key" "/etc/tollgate/tls/tls.key" -}}
  {{- $_ := set $tls "trust" (list "/etc/tollgate/tls/ca.crt") -}}
  {{- $_ := set $tls "clients" .Values.envoys -}}
  {{- $_ := set $listen "grpc_tls" $tls -}}
  {{- $keys := list -}}
  {{- range .Values.decisions.keys -}}
    {{- $keys = append $keys (dict "file" (printf "/etc/tollgate/decisions/%s" .)) -}}
  {{- end -}}
  {{- $_ := set $defaults "decisions" (dict "keys" $keys) -}}
{{- end -}}
{{- $config := mergeOverwrite $defaults (deepCopy $given) -}}
{{- $called := ($config.envoy | default dict).tollgate -}}
{{- if and (eq .Values.mode "service") $called (not $called.address) -}}
  {{- /* For `tollgate envoy --for`: where the mesh finds this Service. */ -}}
  {{- $port := include "tollgate.port" $config.listen.grpc -}}
  {{- $_ := set $called "address" (printf "%s.%s.svc.cluster.local:%s" (include "tollgate.fullname" .) .Release.Namespace $port) -}}
{{- end -}}
{{- $redis := ($config.limits | default dict).redis -}}
{{- if and $redis (not $redis.replicas) -}}
  {{- $_ := set $redis "replicas" (include "tollgate.replicas" . | int) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The most replicas that there will be. */}}
{{- define "tollgate.replicas" -}}
{{- if .Values.autoscaling.enabled -}}{{ .Values.autoscaling.maxReplicas | int }}{{- else -}}{{ .Values.replicas | int }}{{- end -}}
{{- end -}}

{{/* The port of an address. */}}
{{- define "tollgate.port" -}}
{{- regexFind "[0-9]+$" . -}}
{{- end -}}

{{/* A duration of tollgate.yaml in whole seconds, rounded up. */}}
{{- define "tollgate.seconds" -}}
{{- $number := regexFind "^[0-9]+" . | int -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- $units := dict "s" 1 "m" 60 "h" 3600 "d" 86400 -}}
{{- if eq $unit "ms" -}}
{{- div (add $number 999) 1000 -}}
{{- else -}}
{{- mul $number (get $units $unit | default 1) -}}
{{- end -}}
{{- end -}}

{{/*
What only a restart can change: pods are replaced when it changes, and for nothing else in the file. With Envoy in the
pod also what it needs a restart for.
*/}}
{{- define "tollgate.restarts" -}}
{{- $config := include "tollgate.config" . | fromYaml -}}
{{- $parts := pick $config "admin" "data_directory" "database" "metrics" "audit" -}}
{{- $_ := set $parts "listen" (pick $config.listen "grpc" "admin" "control") -}}
{{- $_ := set $parts "ledger" (omit ($config.ledger | default dict) "end_users" "end_users_key") -}}
{{- $_ := set $parts "content_log" (omit ($config.content_log | default dict) "redact" "max_content_bytes") -}}
{{- $_ := set $parts "redis" (($config.limits | default dict).redis | default dict) -}}
{{- if eq .Values.mode "standalone" -}}
  {{- $_ := set $parts "envoy" (pick ($config.envoy | default dict) "admin" "version" "max_connections" "max_heap_bytes") -}}
{{- end -}}
{{- toYaml $parts | sha256sum -}}
{{- end -}}
