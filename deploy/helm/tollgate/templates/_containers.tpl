{{/* What no container may do. */}}
{{- define "tollgate.lockedDown" -}}
allowPrivilegeEscalation: false
capabilities: { drop: [ALL] }
privileged: false
readOnlyRootFilesystem: true
{{- end -}}

{{/* tollgate's container, without its name's place in a list. */}}
{{- define "tollgate.container" -}}
{{- $config := include "tollgate.config" . | fromYaml -}}
name: tollgate
image: {{ include "tollgate.image" (dict "image" .Values.image "tag" .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve, --config, /etc/tollgate/tollgate.yaml]
{{- if or .Values.env $config.listen.control }}
env:
  {{- with $config.listen.control }}
  # Where `kubectl exec` finds it.
  - { name: TOLLGATE_CONTROL, value: {{ . | quote }} }
  {{- end }}
  {{- with .Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
ports:
  {{- if eq .Values.mode "service" }}
  - { name: grpc, containerPort: {{ include "tollgate.port" $config.listen.grpc }}, protocol: TCP }
  {{- end }}
  - { name: admin, containerPort: {{ include "tollgate.port" $config.listen.admin }}, protocol: TCP }
# It lives before it is ready: what the ledger's log has is taken in first.
startupProbe:
  httpGet: { path: /livez, port: admin }
  periodSeconds: 1
  failureThreshold: 120
livenessProbe:
  httpGet: { path: /livez, port: admin }
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: admin }
  periodSeconds: 5
  timeoutSeconds: 3
{{- if eq .Values.mode "service" }}
# Until every Envoy knows that this replica goes: at SIGTERM it takes no new streams at once.
lifecycle:
  preStop:
    sleep: { seconds: {{ .Values.preStopSleepSeconds }} }
{{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- include "tollgate.lockedDown" . | nindent 2 }}
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
volumeMounts:
  # A folder and no `subPath`: so a change reaches the running service, which reads it again.
  - { name: tollgate-config, mountPath: /etc/tollgate, readOnly: true }
  {{- if ne .Values.mode "service" }}
  - { name: tollgate-socket, mountPath: /run/tollgate }
  {{- end }}
  {{- if $config.listen.control }}
  - { name: tollgate-control, mountPath: /run/tollgate-control }
  {{- end }}
  {{- with $config.data_directory }}
  - { name: tollgate-data, mountPath: {{ . | quote }} }
  {{- end }}
{{- end -}}

{{/* Files below /etc/tollgate: one volume, so that configuration, certificates and secrets change together. */}}
{{- define "tollgate.configVolume" -}}
name: tollgate-config
projected:
  # For tollgate by the pod's group, and nobody else.
  defaultMode: 0440
  sources:
    - configMap:
        name: {{ include "tollgate.fullname" . }}
    {{- if eq .Values.mode "service" }}
    - secret:
        name: {{ .Values.tls.existingSecret | quote }}
        items:
          - { key: tls.crt, path: tls/tls.crt }
          - { key: tls.key, path: tls/tls.key }
          - { key: ca.crt, path: tls/ca.crt }
    - secret:
        name: {{ .Values.decisions.existingSecret | quote }}
        items:
          {{- range .Values.decisions.keys }}
          - { key: {{ . | quote }}, path: {{ printf "decisions/%s" . | quote }} }
          {{- end }}
    {{- end }}
    {{- range .Values.secretFiles }}
    - secret:
        name: {{ .existingSecret | quote }}
        items: [{ key: {{ .key | quote }}, path: {{ .path | quote }} }]
    {{- end }}
    {{- range .Values.configMapFiles }}
    - configMap:
        name: {{ .existingConfigMap | quote }}
        items: [{ key: {{ .key | quote }}, path: {{ .path | quote }} }]
    {{- end }}
{{- end -}}

{{/* The volumes of tollgate's container, but the data's where it is a claim. */}}
{{- define "tollgate.volumes" -}}
{{- $config := include "tollgate.config" . | fromYaml -}}
- {{ include "tollgate.configVolume" . | nindent 2 | trim }}
{{- if ne .Values.mode "service" }}
- name: tollgate-socket
  emptyDir: {}
{{- end }}
{{- if $config.listen.control }}
- name: tollgate-control
  emptyDir: {}
{{- end }}
{{- if and $config.data_directory (not .Values.persistence.enabled) }}
- name: tollgate-data
  emptyDir: {}
{{- end }}
{{- end -}}
