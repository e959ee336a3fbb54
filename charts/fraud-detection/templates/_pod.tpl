{{/* What all pods share, whoever makes them: docs/adr/0008. */}}

{{/* What every pod has in its spec, for restricted Pod Security: (list <uid>). */}}
{{- define "fraud.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ index . 0 }}
runAsGroup: {{ index . 0 }}
fsGroup: {{ index . 0 }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "fraud.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* What the values `pod` and `pods` say of a component, as YAML: (list $ <component> <whether its pod ends by itself>). A mesh's sidecar
     would go on for ever in a pod that ends, so that one asks for none. */}}
{{- define "fraud.podSettings" -}}
{{- $root := index . 0 -}}
{{- $pod := deepCopy $root.Values.pod -}}
{{- if index . 2 -}}
{{- $_ := set $pod "labels" (merge (dict "sidecar.istio.io/inject" "false") $pod.labels) -}}
{{- $_ := set $pod "annotations" (merge (dict "linkerd.io/inject" "disabled") $pod.annotations) -}}
{{- end -}}
{{- range $key, $value := get $root.Values.pods (index . 1) | default dict -}}
{{- if has $key (list "nodeSelector" "labels" "annotations") }}{{ $value = merge (deepCopy $value) (get $pod $key) }}{{ end -}}
{{- $_ := set $pod $key $value -}}
{{- end -}}
{{ toYaml $pod }}
{{- end }}

{{/* A pod template with what the values say of its component: (list $ <component> <pod template, as YAML>). Every pod of the chart comes
     through here, at the last. */}}
{{- define "fraud.podTemplate" -}}
{{- $root := index . 0 -}}
{{- $template := index . 2 | fromYaml -}}
{{- $spec := $template.spec -}}
{{- $pod := include "fraud.podSettings" (list $root (index . 1) (eq "Never" ($spec.restartPolicy | default ""))) | fromYaml -}}
{{- range $key := list "labels" "annotations" -}}
{{- with merge (get $template.metadata $key | default dict) (get $pod $key) }}{{ $_ := set $template.metadata $key . }}{{ end -}}
{{- end -}}
{{- range $key := list "nodeSelector" "tolerations" "topologySpreadConstraints" "priorityClassName" -}}
{{- with get $pod $key }}{{ $_ := set $spec $key . }}{{ end -}}
{{- end -}}
{{/* What a volume asks for holds beside what people ask for. */}}
{{- range $when, $terms := dig "affinity" "podAffinity" dict $spec -}}
{{- $beside := $pod.affinity.podAffinity | default dict -}}
{{- $_ := set $beside $when (concat $terms (get $beside $when | default list)) -}}
{{- $_ := set $pod.affinity "podAffinity" $beside -}}
{{- end -}}
{{- with $pod.affinity }}{{ $_ := set $spec "affinity" . }}{{ end -}}
{{- $secrets := list -}}
{{- range $pod.imagePullSecrets }}{{ $secrets = append $secrets (dict "name" .) }}{{ end -}}
{{- with $secrets }}{{ $_ := set $spec "imagePullSecrets" . }}{{ end -}}
{{- if $root.Values.openshift -}}
{{- $_ := set $spec "securityContext" (omit $spec.securityContext "runAsUser" "runAsGroup" "fsGroup" "fsGroupChangePolicy") -}}
{{- end -}}
{{- with concat ($spec.volumes | default list) $pod.volumes }}{{ $_ := set $spec "volumes" . }}{{ end -}}
{{- range $container := concat $spec.containers ($spec.initContainers | default list) -}}
{{- with concat ($container.volumeMounts | default list) $pod.volumeMounts }}{{ $_ := set $container "volumeMounts" . }}{{ end -}}
{{- with concat ($container.env | default list) $pod.env }}{{ $_ := set $container "env" . }}{{ end -}}
{{- $resources := $container.resources | default dict -}}
{{- $disk := $pod.ephemeralStorage | empty | ternary dict (dict "ephemeral-storage" $pod.ephemeralStorage) -}}
{{- $cpu := $pod.cpuLimit | empty | ternary dict (dict "cpu" $pod.cpuLimit) -}}
{{- range $kind, $more := dict "requests" $disk "limits" (merge $cpu $disk) -}}
{{- with merge (get $resources $kind | default dict) $more }}{{ $_ := set $resources $kind . }}{{ end -}}
{{- end -}}
{{- with $resources }}{{ $_ := set $container "resources" . }}{{ end -}}
{{- end -}}
{{ toYaml $template }}
{{- end }}
