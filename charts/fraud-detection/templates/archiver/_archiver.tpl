{{/* archiver.yaml: the user's settings, and those that the chart owns. Labels and profiles are read as the detector reads them. */}}
{{- define "fraud.archiverSettings" -}}
{{- $config := deepCopy .Values.archive.config -}}
{{- $_ := set $config "kafka" (include "fraud.kafkaSettings" (list . "archiver") | fromYaml) -}}
{{- $_ := set $config "topics" .Values.topics.names -}}
{{- $_ := set $config "checkpoint" (.Values.archive.checkpoint.url | default "/checkpoints/archive_scored") -}}
{{- $_ := set $config "log_dir" nil -}}
{{- $_ := set $config "metrics" (dict "port" 8000 "host" "::") -}}
{{- if .Values.archive.schedule }}{{ $_ := set $config "trigger" (dict "mode" "availableNow") }}{{ end -}}
{{- $s3 := include "fraud.s3Settings" . | fromYaml -}}
{{- if include "fraud.archiverKeys" . }}{{ $_ := set $s3 "credentials_dir" "/etc/s3" }}{{ end -}}
{{- with $s3 }}{{ $_ := set $config "s3" . }}{{ end -}}
{{- with .Values.detector.config.limits }}{{ $_ := set $config "limits" . }}{{ end -}}
{{- with .Values.detector.config.input }}{{ $_ := set $config "input" . }}{{ end -}}
{{/* By itself Spark would take all CPUs of the node: a slot for each task that may write, and one for reading. */}}
{{- $slots := 1 -}}
{{- range $config.sinks }}{{ $slots = add $slots (.tasks | default 2) }}{{ end -}}
{{- $conf := dict "spark.driver.memory" (include "fraud.memory" .Values.archive.memory | fromYaml).heap -}}
{{- $_ := set $config "spark" (dict "master" (printf "local[%d]" $slots) "conf" $conf) -}}
{{ toYaml $config }}
{{- end }}

{{/* The Secret with the archiver's keys of S3. */}}
{{- define "fraud.archiverKeys" -}}
{{ .Values.archive.s3Secret | default .Values.s3.secret }}
{{- end }}

{{/* Not empty where there are Delta tables to keep small. */}}
{{- define "fraud.maintenance" -}}
{{- if and .Values.archive.enabled .Values.archive.maintenance.schedule -}}
{{- range .Values.archive.config.sinks }}{{ if eq .type "delta" }}{{ .path }}{{ end }}{{ end -}}
{{- end -}}
{{- end }}

{{/* One pod, with Spark inside it: it needs no right to make others. */}}
{{- define "fraud.archiverPod" -}}
{{- $image := .Values.images.spark -}}
{{- $archive := .Values.archive -}}
{{- $memory := printf "%sMi" (include "fraud.mebibytes" $archive.memory) -}}
metadata:
  labels:
    {{- include "fraud.selector" (list . "archiver") | nindent 4 }}
  annotations:
    checksum/config: {{ include "fraud.archiverSettings" . | sha256sum }}
spec:
  serviceAccountName: {{ .Release.Name }}-archiver
  automountServiceAccountToken: false
  # The batch at work is let finish; one that takes longer is cut off, and comes again.
  terminationGracePeriodSeconds: {{ add 30 (include "fraud.seconds" ($archive.config.stop_timeout | default "30s")) }}
  securityContext:
    {{- include "fraud.podSecurity" (list 185) | nindent 4 }}
  containers:
    - name: archiver
      image: {{ include "fraud.image" (list . $image) }}
      imagePullPolicy: {{ $image.pullPolicy }}
      args: [python3, -m, spark_jobs.archive_scored, --config, /etc/fraud/archiver.yaml]
      # The archiver ends on an error with one paragraph: `kubectl describe` shows it.
      terminationMessagePolicy: FallbackToLogsOnError
      securityContext:
        {{- include "fraud.containerSecurity" . | nindent 8 }}
      ports:
        - {name: metrics, containerPort: 8000}
      startupProbe:
        httpGet: {path: /readyz, port: metrics}
        periodSeconds: 5
        failureThreshold: 240
        timeoutSeconds: 5
      # It fails where Spark's Java process hangs. A store that is away is waited for.
      livenessProbe:
        httpGet: {path: /healthz, port: metrics}
        periodSeconds: 15
        failureThreshold: 4
        timeoutSeconds: 5
      resources:
        requests: {cpu: {{ $archive.cpu | quote }}, memory: {{ $memory }}}
        limits: {memory: {{ $memory }}}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
        - name: settings
          mountPath: /etc/fraud
          readOnly: true
        {{- if not $archive.checkpoint.url }}
        - name: checkpoints
          mountPath: /checkpoints
        {{- end }}
        {{- with include "fraud.secretMounts" (list . "archiver") | trim }}
        {{- . | nindent 8 }}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {sizeLimit: {{ $archive.disk }}}
    - name: settings
      configMap:
        name: {{ .Release.Name }}-archiver
    {{- with include "fraud.secretVolumes" (list . "archiver") | trim }}
    {{- . | nindent 4 }}
    {{- end }}
{{- end }}
