{{/* Labels of every object; call with (list $ COMPONENT). */}}
{{- define "exalb.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
{{ include "exalb.selector" . }}
{{- end -}}

{{/* Labels by which pods are selected; call with (list $ COMPONENT). */}}
{{- define "exalb.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "exalb.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* No container is root, or may become so; none can write but where it is told to. */}}
{{- define "exalb.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "exalb.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "exalb.env" -}}
- name: EXALB_LOG_LEVEL
  value: {{ .Values.log.level }}
- name: EXALB_LOG_FORMAT
  value: {{ .Values.log.format }}
{{- end -}}

{{- define "exalb.clusterEnv" -}}
{{ include "exalb.env" . }}
- name: EXALB_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: EXALB_REQUIRE_CLASS
  value: {{ .Values.requireClass | quote }}
{{- end -}}

{{/* Probes; call with (dict) or (dict "host" HOST). */}}
{{- define "exalb.probes" -}}
livenessProbe:
  httpGet:
    {{- with .host }}
    host: {{ . }}
    {{- end }}
    path: /healthz
    port: http
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet:
    {{- with .host }}
    host: {{ . }}
    {{- end }}
    path: /readyz
    port: http
  periodSeconds: 2
  timeoutSeconds: 5
{{- end -}}
