{{/* Topics of payments, as the watcher's settings have them: `inputs`, of which the detector takes each record, and `filtered_inputs`. */}}
{{- define "fraud.watchedInputs" -}}
{{- $shared := list -}}
{{- range $kind := list "labels" "customers" "merchants" -}}
{{- range include "fraud.inputsOf" (list $ $kind) | fromYamlArray -}}
{{- $shared = append $shared .topic -}}
{{- end -}}
{{- end -}}
{{- $all := list -}}
{{- $complete := list -}}
{{- range include "fraud.inputsOf" (list $ "transactions") | fromYamlArray -}}
{{- $all = append $all .topic -}}
{{- if not (or .where (has .topic $shared)) -}}
{{- $complete = append $complete .topic -}}
{{- end -}}
{{- end -}}
{{- $filtered := list -}}
{{- range uniq $all -}}
{{- if not (has . $complete) -}}
{{- $filtered = append $filtered . -}}
{{- end -}}
{{- end -}}
{{ dict "inputs" (uniq $complete) "filtered_inputs" $filtered | toYaml }}
{{- end }}
