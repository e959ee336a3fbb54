{{/* "true" where the topics are made by the Job. */}}
{{- define "fraud.topicsJob" -}}
{{- if and .Values.topics.create (not .Values.kafka.strimzi.cluster) -}}true{{- end -}}
{{- end }}
