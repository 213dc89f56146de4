{{/* Writes Envoy's configuration, and again when tollgate.yaml changes. */}}
{{- define "tollgate.envoyConfigContainer" -}}
name: envoy-config
image: {{ include "tollgate.image" (dict "image" .Values.image "tag" .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
restartPolicy: Always
args: [envoy, --config, /etc/tollgate/tollgate.yaml, --watch, /etc/envoy/tollgate]
# Envoy starts when its files are there.
startupProbe:
  exec:
    command: [tollgate, check, --file-only, --config, /etc/tollgate/tollgate.yaml, --envoy, /etc/envoy/tollgate]
  periodSeconds: 1
  timeoutSeconds: 5
  failureThreshold: 60
resources:
  requests: { cpu: 10m, memory: 32Mi }
  limits: { memory: 128Mi }
securityContext:
  {{- include "tollgate.lockedDown" . | nindent 2 }}
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
volumeMounts:
  - { name: tollgate-config, mountPath: /etc/tollgate, readOnly: true }
  - { name: envoy-config, mountPath: /etc/envoy/tollgate }
{{- end -}}

{{/* Envoy, of another user than tollgate: it may open the one socket, and see nothing else of it. */}}
{{- define "tollgate.envoyContainer" -}}
{{- $config := include "tollgate.config" . | fromYaml -}}
{{- $envoy := $config.envoy | default dict -}}
{{- $admin := $envoy.admin | default "127.0.0.1:9901" -}}
name: envoy
image: {{ include "tollgate.image" (dict "image" .Values.envoy.image "tag" "") | quote }}
imagePullPolicy: {{ .Values.envoy.image.pullPolicy }}
args: [-c, /etc/envoy/tollgate/envoy.yaml]
ports:
  - { name: callers, containerPort: {{ include "tollgate.port" ($envoy.listen | default "0.0.0.0:8443") }}, protocol: TCP }
readinessProbe:
  exec:
    # Its admin endpoint is for this pod alone, and the image has no HTTP client.
    command:
      - bash
      - -euc
      - |
        exec 3<> /dev/tcp/127.0.0.1/{{ include "tollgate.port" $admin }}
        printf 'GET /ready HTTP/1.1\r\nhost: envoy\r\nconnection: close\r\n\r\n' >&3
        read -r status <&3
        [[ $status == 'HTTP/1.1 200'* ]]
  periodSeconds: 5
  timeoutSeconds: 3
livenessProbe:
  tcpSocket: { port: callers }
  periodSeconds: 10
  failureThreshold: 6
# Connections are closed as their answers end, and those who come meanwhile are served. tollgate stops after Envoy.
lifecycle:
  preStop:
    exec:
      command:
        - bash
        - -euc
        - |
          exec 3<> /dev/tcp/127.0.0.1/{{ include "tollgate.port" $admin }}
          printf 'POST /healthcheck/fail HTTP/1.1\r\nhost: envoy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n' >&3
          read -r status <&3
          sleep {{ .Values.envoy.drainSeconds }}
resources:
  {{- toYaml .Values.envoy.resources | nindent 2 }}
securityContext:
  {{- include "tollgate.lockedDown" . | nindent 2 }}
  runAsNonRoot: true
  runAsUser: 101
  runAsGroup: 101
volumeMounts:
  - { name: tollgate-socket, mountPath: /run/tollgate, readOnly: true }
  - { name: envoy-config, mountPath: /etc/envoy/tollgate, readOnly: true }
  {{- if .Values.envoy.tls.existingSecret }}
  - { name: envoy-tls, mountPath: /etc/envoy/tls, readOnly: true }
  {{- end }}
  {{- with .Values.envoy.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
