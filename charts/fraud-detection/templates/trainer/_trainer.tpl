{{/* trainer.yaml: the user's settings, and those that the chart owns. */}}
{{- define "fraud.trainerSettings" -}}
{{- $config := deepCopy .Values.trainer.config -}}
{{- $_ := set $config "kafka" (include "fraud.kafkaSettings" (list . "trainer") | fromYaml) -}}
{{- $_ := set $config "topics" .Values.topics.names -}}
{{- $_ := set $config "log_dir" nil -}}
{{- $_ := set $config "store" (include "fraud.modelStore" .) -}}
{{- $s3 := include "fraud.s3Settings" . | fromYaml -}}
{{- if include "fraud.trainerKeys" . }}{{ $_ := set $s3 "credentials_dir" "/etc/s3" }}{{ end -}}
{{- with $s3 }}{{ $_ := set $config "s3" . }}{{ end -}}
{{- if .Values.trainer.signingKeySecret }}{{ $_ := set $config "signing_key_file" "/etc/signing/private.pem" }}{{ end -}}
{{- with .Values.detector.config.limits }}{{ $_ := set $config "limits" . }}{{ end -}}
{{- with .Values.detector.config.input }}{{ $_ := set $config "input" . }}{{ end -}}
{{- $memory := include "fraud.learningMemory" . | fromYaml -}}
{{- $conf := dict "spark.driver.memory" $memory.heap "spark.sql.streaming.stateStore.rocksdb.maxMemoryUsageMB" $memory.state -}}
{{/* By itself Spark would take all CPUs of the node. */}}
{{- $_ := set $config "spark" (dict "master" (printf "local[%s]" (include "fraud.cpus" .Values.trainer.cpu)) "conf" $conf) -}}
{{ toYaml $config }}
{{- end }}

{{/* CPUs in a quantity such as 500m, 1 or 1.5, rounded up. */}}
{{- define "fraud.cpus" -}}
{{- divf (include "fraud.millicpus" .) 1000 | ceil | int -}}
{{- end }}

{{/* Heap, what is not heap, and RocksDB's part of that, of the trainer's memory, as YAML. */}}
{{- define "fraud.learningMemory" -}}
{{- $total := include "fraud.mebibytes" .Values.trainer.memory | int -}}
{{- $heap := div (mul $total 4) 10 -}}
heap: {{ $heap }}m
overhead: {{ sub $total $heap }}m
state: {{ div $total 8 | quote }}
{{- end }}

{{/* The same pod for a Job, of which Spark on Kubernetes knows nothing: (list $ <component> <arguments> <cpu> <memory>). */}}
{{- define "fraud.jobPod" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $memory := printf "%sMi" (include "fraud.mebibytes" (index . 4)) -}}
{{- $pod := include "fraud.sparkPod" (list $root $component "driver") | fromYaml -}}
{{- $container := first $pod.spec.containers -}}
{{- $_ := set $container "name" $component -}}
{{- $_ := set $container "args" (index . 2) -}}
{{- $_ := set $container "resources" (dict "requests" (dict "cpu" (index . 3) "memory" $memory) "limits" (dict "memory" $memory)) -}}
{{- $pod | toYaml -}}
{{- end }}

{{/* The Secret with the keys of S3 of those that write models. */}}
{{- define "fraud.trainerKeys" -}}
{{ .Values.trainer.s3Secret | default .Values.s3.secret }}
{{- end }}

{{/* The pod in which models are trained, judged and promoted: (list $ <arguments>). */}}
{{- define "fraud.trainerPod" -}}
{{- $root := index . 0 -}}
{{- $trainer := $root.Values.trainer -}}
{{- include "fraud.podTemplate" (list $root "trainer" (include "fraud.jobPod" (list $root "trainer" (index . 1) $trainer.cpu $trainer.memory))) -}}
{{- end }}
