{{/* "true" where the topics are made by the Job. */}}
{{- define "fraud.topicsJob" -}}
{{- if and .Values.topics.create (not .Values.kafka.strimzi.cluster) -}}true{{- end -}}
{{- end }}

{{/* The topics that the detector reads, with commas: those of detector.config.input, and of topics.names where it names none. */}}
{{- define "fraud.inputTopics" -}}
{{- $found := list -}}
{{- range $kind := list "transactions" "labels" "customers" "merchants" -}}
{{- $inputs := get (default dict $.Values.detector.config.input) $kind | default list -}}
{{- $inputs = kindIs "map" $inputs | ternary (list $inputs) $inputs | default (list dict) -}}
{{- range $inputs -}}
{{- $found = append $found (.topic | default (get $.Values.topics.names $kind)) -}}
{{- end -}}
{{- end -}}
{{- $found | uniq | join "," -}}
{{- end }}
