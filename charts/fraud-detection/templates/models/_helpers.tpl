{{/* The model store as programs are told of it; empty where there is none. */}}
{{- define "fraud.modelStore" -}}
{{- $store := .Values.models.store -}}
{{- if eq $store "volume" -}}/models{{- else if ne $store "none" -}}{{ $store }}{{- end -}}
{{- end }}

{{- define "fraud.modelClaim" -}}
{{ .Values.models.volume.existingClaim | default (printf "%s-models" .Release.Name) }}
{{- end }}
