{{/* The pod of the modes standalone and service. */}}
{{- define "tollgate.pod" -}}
{{- $config := include "tollgate.config" . | fromYaml -}}
{{- $standalone := eq .Values.mode "standalone" -}}
{{- $before := ternary .Values.envoy.drainSeconds .Values.preStopSleepSeconds $standalone | int -}}
metadata:
  labels:
    {{- include "tollgate.labels" . | nindent 4 }}
    {{- with include "tollgate.podLabels" . }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    {{- include "tollgate.podAnnotations" . | nindent 4 }}
    {{- if and $standalone .Values.workloadIdentity.enabled }}
    # The identity's token is tollgate's alone.
    azure.workload.identity/skip-containers: envoy;envoy-config
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "tollgate.serviceAccountName" . }}
  # It never asks the API server. Workload identity brings a token of its own.
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    # Of what pods mount; in mode standalone it is how Envoy may open the socket.
    fsGroup: 65533
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: { type: RuntimeDefault }
  # What comes before SIGTERM, then `drain_timeout`, then 15 s to write every record.
  terminationGracePeriodSeconds: {{ add $before (include "tollgate.seconds" ($config.drain_timeout | default "30s") | int) 15 }}
  {{- if $standalone }}
  # They start before Envoy, one after the other, and stop after it.
  initContainers:
    - {{ include "tollgate.container" . | nindent 6 | trim }}
      restartPolicy: Always
    - {{ include "tollgate.envoyConfigContainer" . | nindent 6 | trim }}
  containers:
    - {{ include "tollgate.envoyContainer" . | nindent 6 | trim }}
  {{- else }}
  containers:
    - {{ include "tollgate.container" . | nindent 6 | trim }}
  {{- end }}
  volumes:
    {{- include "tollgate.volumes" . | nindent 4 }}
    {{- if $standalone }}
    - name: envoy-config
      emptyDir: {}
    {{- with .Values.envoy.tls.existingSecret }}
    - name: envoy-tls
      secret: { secretName: {{ . | quote }}, defaultMode: 0440 }
    {{- end }}
    {{- with .Values.envoy.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- end }}
  topologySpreadConstraints:
    {{- with .Values.topologySpreadConstraints }}
    {{- toYaml . | nindent 4 }}
    {{- else }}
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "tollgate.selector" $ | nindent 10 }}
    {{- end }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* What every pod with tollgate's container needs, also those that this chart does not make. */}}
{{- define "tollgate.podLabels" -}}
{{- if .Values.workloadIdentity.enabled -}}
azure.workload.identity/use: "true"
{{- end -}}
{{- end -}}

{{- define "tollgate.podAnnotations" -}}
tollgate/restarts: {{ include "tollgate.restarts" . }}
{{- end -}}
