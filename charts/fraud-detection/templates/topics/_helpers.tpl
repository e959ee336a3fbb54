{{/* "true" where the topics are made by the Job. */}}
{{- define "fraud.topicsJob" -}}
{{- if and .Values.topics.create (not .Values.kafka.strimzi.cluster) -}}true{{- end -}}
{{- end }}

{{/* The topics that the detector reads, with commas: those of detector.config.input, and of topics.names where it names none. */}}
{{- define "fraud.inputTopics" -}}
{{- $found := list -}}
{{- range $kind := list "transactions" "labels" "customers" "merchants" -}}
{{- range include "fraud.inputsOf" (list $ $kind) | fromYamlArray -}}
{{- $found = append $found .topic -}}
{{- end -}}
{{- end -}}
{{- $found | uniq | join "," -}}
{{- end }}

{{/* The inputs of one kind, each with its topic, as YAML: (list $ "transactions"). */}}
{{- define "fraud.inputsOf" -}}
{{- $root := index . 0 -}}
{{- $topic := get $root.Values.topics.names (index . 1) -}}
{{- $inputs := get (default dict $root.Values.detector.config.input) (index . 1) | default list -}}
{{- $found := list -}}
{{- range kindIs "map" $inputs | ternary (list $inputs) $inputs | default (list dict) -}}
{{- $found = append $found (dict "topic" (.topic | default $topic) "where" (.where | default "")) -}}
{{- end -}}
{{ toYaml $found }}
{{- end }}
