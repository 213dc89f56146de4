{{/*
For pods that another chart makes, with this one as its dependency, in mode sidecar:

  template:
    metadata:
      labels:
        {{- include "tollgate.podLabels" .Subcharts.tollgate | nindent 8 }}
      annotations:
        {{- include "tollgate.podAnnotations" .Subcharts.tollgate | nindent 8 }}
    spec:
      securityContext: { fsGroup: 65533 }
      initContainers:
        {{- include "tollgate.sidecar" .Subcharts.tollgate | nindent 8 }}
      volumes:
        {{- include "tollgate.volumes" .Subcharts.tollgate | nindent 8 }}

Envoy mounts `tollgate-socket` at /run/tollgate, read-only, and nothing else of these.
*/}}
{{- define "tollgate.sidecar" -}}
- {{ include "tollgate.container" . | nindent 2 | trim }}
  # A sidecar: it starts before the containers of the pod, and stops after them.
  restartPolicy: Always
{{- end -}}
