{{/* The names of all objects start with it. It is the same for every release: ExaLB is installed once per cluster. */}}
{{- define "exalb.fullname" -}}
{{- .Values.fullnameOverride | default "exalb" -}}
{{- end -}}

{{/* The service account of a program; call with (list $ COMPONENT). */}}
{{- define "exalb.account" -}}
{{- $root := index . 0 -}}
{{- $account := (index $root.Values (index . 1)).serviceAccount -}}
{{- if $account.create -}}
{{- $account.name | default (printf "%s-%s" (include "exalb.fullname" $root) (index . 1)) -}}
{{- else -}}
{{- $account.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* Labels of every object; call with (list $ COMPONENT). */}}
{{- define "exalb.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: exalb
{{ include "exalb.selector" . }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The annotations of an object, below its labels; call with (list $ OWN), where OWN are those that only this object has. */}}
{{- define "exalb.annotations" -}}
{{- with merge (dict) (index . 1) ((index . 0).Values.commonAnnotations | default dict) }}
  annotations:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end -}}

{{/* Labels by which pods are selected; call with (list $ COMPONENT). */}}
{{- define "exalb.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Values.nameOverride | default $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "exalb.image" -}}
{{- with .Values.image -}}
{{- if not .repository -}}
{{- fail "image.repository is not set. This chart has no default image: build ExaLB's image, push it to a registry of yours, and add --set image.repository=REGISTRY/exalb" -}}
{{- end -}}
{{- $registry := .registry | default $.Values.global.imageRegistry -}}
{{- $repository := ternary (printf "%s/%s" $registry .repository) .repository (not (empty $registry)) -}}
{{- if .digest -}}
{{ $repository }}@{{ .digest }}
{{- else -}}
{{ $repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "exalb.pullSecrets" -}}
{{- with concat .Values.image.pullSecrets .Values.global.imagePullSecrets -}}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* No container runs as root or can become root; each writes only to its own volumes. */}}
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

{{- define "exalb.ownNamespace" -}}
- name: EXALB_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- end -}}

{{/* The namespace of passwords: the one that speakers read Secrets in. */}}
{{- define "exalb.passwordsNamespace" -}}
{{ .Values.passwords.namespace | default .Release.Namespace }}
{{- end -}}

{{- define "exalb.clusterEnv" -}}
{{ include "exalb.env" . }}
- name: EXALB_REQUIRE_CLASS
  value: {{ .Values.requireClass | quote }}
- name: EXALB_LOAD_BALANCER_CLASS
  value: {{ .Values.loadBalancerClass | quote }}
- name: EXALB_IGNORE_EXCLUDE_LABEL
  value: {{ .Values.ignoreExcludeLabel | quote }}
{{- end -}}

{{/* Probes; call with the component's values and its host, which may be empty. */}}
{{- define "exalb.probes" -}}
{{- $values := index . 0 -}}
{{- $host := index . 1 -}}
{{- $healthy := dict "path" "/healthz" "port" "http" -}}
{{- $ready := dict "path" "/readyz" "port" "http" -}}
{{- if $host -}}
{{- $_ := set $healthy "host" $host -}}
{{- $_ := set $ready "host" $host -}}
{{- end -}}
{{- $liveness := dict "httpGet" $healthy "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" 6 -}}
{{- $readiness := dict "httpGet" $ready "periodSeconds" 2 "timeoutSeconds" 5 -}}
livenessProbe:
  {{- mergeOverwrite $liveness $values.livenessProbe | toYaml | nindent 2 }}
readinessProbe:
  {{- mergeOverwrite $readiness $values.readinessProbe | toYaml | nindent 2 }}
{{- end -}}
