{{/* What the runtimes share: settings file, Spark settings, the pods. Every runtime takes pod templates, so there is one of each. */}}

{{/* detector.yaml: the user's settings, and those that the chart owns. The rule is the one that `helm test` needs. */}}
{{- define "fraud.detectorSettings" -}}
{{- $config := deepCopy .Values.detector.config -}}
{{- $probe := dict "when" "transaction_id LIKE 'probe-%'" "action" "review" "reason" "Sent by helm test" -}}
{{- $_ := set $config "kafka" (include "fraud.kafkaSettings" (list . "detector") | fromYaml) -}}
{{- $_ := set $config "topics" .Values.topics.names -}}
{{- $_ := set $config "checkpoint" (.Values.detector.checkpoint.url | default (printf "/checkpoints/%s" .Values.detector.checkpoint.folder)) -}}
{{- $_ := set $config "rules" (merge (dict "helm_test" $probe) ($config.rules | default dict)) -}}
{{- $_ := set $config "metrics" (dict "host" "::" "port" 8000) -}}
{{- $_ := set $config "log_dir" nil -}}
{{- with .Values.detector.sparkConf }}{{ $_ := set $config "spark" (dict "conf" .) }}{{ end -}}
{{- with include "fraud.s3Settings" . | fromYaml }}{{ $_ := set $config "s3" . }}{{ end -}}
{{- $models := dict -}}
{{- with include "fraud.modelStore" . }}{{ $_ := set $models "store" . }}{{ end -}}
{{- if .Values.models.publicKeySecret }}{{ $_ := set $models "public_key_file" "/etc/model-key/public.pem" }}{{ end -}}
{{- with $models }}{{ $_ := set $config "models" (merge . ($config.models | default dict)) }}{{ end -}}
{{ toYaml $config }}
{{- end }}

{{- define "fraud.s3Settings" -}}
{{- with .Values.s3.endpoint }}
endpoint: {{ . }}
{{- end }}
{{- with .Values.s3.region }}
region: {{ . }}
{{- end }}
{{- if .Values.s3.pathStyle }}
path_style: true
{{- end }}
{{- if .Values.s3.secret }}
credentials_dir: /etc/s3
{{- end }}
{{- end }}

{{/* Heap and overhead of a pod's memory in MiB, as YAML: 60 and 40 %. */}}
{{- define "fraud.memory" -}}
{{- $total := include "fraud.mebibytes" . | int -}}
{{- $heap := div (mul $total 6) 10 -}}
heap: {{ $heap }}m
overhead: {{ sub $total $heap }}m
{{- end }}

{{/* MiB for RocksDB in each executor, by a soft limit that all its state stores share: half of the overhead. The other half is the
     JVM's own: code, classes, thread stacks, the buffers of Kafka's and Spark's network. */}}
{{- define "fraud.stateMemory" -}}
{{- div (trimSuffix "m" (include "fraud.memory" .Values.detector.executor.memory | fromYaml).overhead | int) 2 -}}
{{- end }}

{{/* State stores in each executor: two stateful steps, each in so many partitions, spread evenly. */}}
{{- define "fraud.stateStores" -}}
{{- divf (mul 2 (dig "state_partitions" 2 .Values.detector.config)) .Values.detector.executor.instances | ceil | int -}}
{{- end }}

{{/* Task slots that real-time mode holds: DetectorSettings.slots, of all partitions of the input topics. */}}
{{- define "fraud.realTimeSlots" -}}
{{- add (mul 2 .Values.topics.partitions) 2 (mul 2 (dig "state_partitions" 2 .Values.detector.config)) -}}
{{- end }}

{{/* preStop waits for as long as the detector may take to stop, Spark's own end included; the grace period is longer still. */}}
{{- define "fraud.drainSeconds" -}}
{{- add 15 (include "fraud.seconds" (.Values.detector.config.stop_timeout | default "30s")) -}}
{{- end }}

{{/* Spark settings of every runtime. What session.py sets for itself is not repeated here. */}}
{{- define "fraud.sparkConf" -}}
{{- $conf := dict
  "spark.pyspark.python" "/opt/venv/bin/python"
  "spark.driver.defaultJavaOptions" "-XX:+ExitOnOutOfMemoryError"
  "spark.executor.failuresValidityInterval" "1h"
  "spark.kubernetes.driver.service.deleteOnTermination" "false"
  "spark.kubernetes.driver.ownPersistentVolumeClaim" "false"
  "spark.kubernetes.driver.reusePersistentVolumeClaim" "false"
  "spark.kubernetes.executor.volumes.emptyDir.spark-local-dir-1.mount.path" "/var/data/spark"
  "spark.kubernetes.executor.volumes.emptyDir.spark-local-dir-1.options.sizeLimit" .Values.detector.executor.stateDisk
  "spark.sql.streaming.stateStore.rocksdb.maxMemoryUsageMB" (include "fraud.stateMemory" .)
-}}
{{/* defaultJavaOptions: spark-submit has started the driver's Java before session.py sets those of the executors.
     failuresValidityInterval: executors that are lost over months must not add up to the number that ends the stream.
     deleteOnTermination to reusePersistentVolumeClaim: what they stand for would need rights on services and claims.
     spark-local-dir-: by this name Spark knows where RocksDB's files and shuffles go (SPARK_LOCAL_DIRS). Without one it mounts an
     emptyDir of its own, without a limit. By settings, not in the pod template, because these reach Ilum too.
     maxMemoryUsageMB: session.py bounds RocksDB's memory; Spark's default of 500 MB is more than a small pod has. */}}
{{- if .Values.detector.encryption -}}
{{- range list "spark.authenticate" "spark.network.crypto.enabled" "spark.io.encryption.enabled" }}{{ $_ := set $conf . "true" }}{{ end -}}
{{- end -}}
{{- if eq (dig "trigger" "mode" "" .Values.detector.config) "realTime" -}}
{{/* Every slot is needed from the start. By default Spark waits half a minute for four executors in five: too short for an image to be
     pulled or a node to be added, and the detector would end on too few slots. */}}
{{- $_ := set $conf "spark.scheduler.minRegisteredResourcesRatio" "1.0" -}}
{{- $_ := set $conf "spark.scheduler.maxRegisteredResourcesWaitingTime" "10m" -}}
{{- end -}}
{{- merge (deepCopy .Values.detector.sparkConf) $conf | toYaml }}
{{- end }}

{{/* The same with what Kubeflow's SparkApplication has fields for, and its webhook refuses here. */}}
{{- define "fraud.submitConf" -}}
{{- $driver := include "fraud.memory" .Values.detector.driver.memory | fromYaml -}}
{{- $executor := include "fraud.memory" .Values.detector.executor.memory | fromYaml -}}
{{- $conf := dict
  "spark.kubernetes.namespace" .Release.Namespace
  "spark.kubernetes.container.image" (include "fraud.image" (list . .Values.images.spark))
  "spark.kubernetes.container.image.pullPolicy" .Values.images.spark.pullPolicy
  "spark.kubernetes.authenticate.driver.serviceAccountName" (printf "%s-detector" .Release.Name)
  "spark.kubernetes.authenticate.executor.serviceAccountName" (printf "%s-detector" .Release.Name)
  "spark.driver.memory" $driver.heap
  "spark.driver.memoryOverhead" $driver.overhead
  "spark.kubernetes.driver.request.cores" .Values.detector.driver.cpu
  "spark.executor.instances" (toString .Values.detector.executor.instances)
  "spark.executor.cores" (toString .Values.detector.executor.slots)
  "spark.executor.memory" $executor.heap
  "spark.executor.memoryOverhead" $executor.overhead
  "spark.kubernetes.executor.request.cores" .Values.detector.executor.cpu
-}}
{{- merge (include "fraud.sparkConf" . | fromYaml) $conf | toYaml }}
{{- end }}

{{- define "fraud.claim" -}}
{{ .Values.detector.checkpoint.existingClaim | default (printf "%s-checkpoint" .Release.Name) }}
{{- end }}

{{/* Pod template: (list $ "detector" "driver"), (list $ "detector" "executor"), (list $ "trainer" "driver"), (list $ "models" "driver").
     spark-role is Spark's own label; the containers' names are those that Kubeflow's operator looks for. */}}
{{- define "fraud.sparkPod" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $role := index . 2 -}}
{{- $isDetector := eq $component "detector" -}}
{{- $isDriver := eq $role "driver" -}}
{{- $streams := and $isDetector $isDriver -}}
{{- $image := $isDetector | ternary $root.Values.images.spark $root.Values.images.trainer -}}
{{- $drain := include "fraud.drainSeconds" $root -}}
metadata:
  labels:
    {{- include "fraud.selector" (list $root $component) | nindent 4 }}
    {{- if $isDetector }}
    spark-role: {{ $role }}
    {{- end }}
  {{- if $streams }}
  annotations:
    # A change of the settings is a change of this pod: it is drained and starts again from its checkpoint.
    checksum/config: {{ include "fraud.detectorSettings" $root | sha256sum }}
  {{- end }}
spec:
  {{- if $isDriver }}
  serviceAccountName: {{ $root.Release.Name }}-{{ $isDetector | ternary "detector" "trainer" }}
  {{- end }}
  # Only the {{ $isDetector | ternary "driver" "detector's driver" }} talks to the API server: it makes executors.
  automountServiceAccountToken: {{ $streams }}
  {{- if $streams }}
  terminationGracePeriodSeconds: {{ add $drain 15 }}
  {{- end }}
  {{- if not $isDetector }}
  restartPolicy: Never
  {{- end }}
  {{- with include "fraud.sparkAffinity" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  securityContext:
    {{- include "fraud.podSecurity" (list 185) | nindent 4 }}
  containers:
    - name: spark-kubernetes-{{ $role }}
      image: {{ include "fraud.image" (list $root $image) }}
      imagePullPolicy: {{ $image.pullPolicy }}
      # The {{ $component }} ends on an error with one paragraph: `kubectl describe` shows it.
      terminationMessagePolicy: FallbackToLogsOnError
      securityContext:
        {{- include "fraud.containerSecurity" . | nindent 8 }}
      {{- if $streams }}
      ports:
        - name: metrics
          containerPort: 8000
      # Until the stream runs. Spark waits for executors for up to ten minutes, and then makes its plan: it has twice as long.
      startupProbe:
        httpGet: {path: /readyz, port: metrics}
        periodSeconds: 5
        failureThreshold: 240
        timeoutSeconds: 5
        terminationGracePeriodSeconds: 30
      # `helm --wait` and Apache's operator ask for it.
      readinessProbe:
        httpGet: {path: /readyz, port: metrics}
        periodSeconds: 5
        timeoutSeconds: 5
      # What hangs is known by itself, after minutes (spark_jobs/health.py). Then there is no batch that a stop could wait for.
      livenessProbe:
        httpGet: {path: /healthz, port: metrics}
        periodSeconds: 15
        failureThreshold: 4
        timeoutSeconds: 5
        terminationGracePeriodSeconds: 30
      lifecycle:
        preStop:
          exec:
            # A signal to the container's first process would not reach Python, and the batch at work would be cut off.
            command: [/opt/fraud/drain, {{ $drain | quote }}]
      {{- end }}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
        {{- if $isDriver }}
        - name: settings
          mountPath: /etc/fraud
          readOnly: true
        {{- end }}
        {{- range $path, $claim := include "fraud.claims" . | fromYaml }}
        - name: {{ trimPrefix "/" $path }}
          mountPath: {{ $path }}
          {{- if $claim.readOnly }}
          readOnly: true
          {{- end }}
        {{- end }}
        {{- with include "fraud.secretMounts" (list $root $component) | trim }}
        {{- . | nindent 8 }}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {{ $isDetector | ternary dict (dict "sizeLimit" $root.Values.trainer.disk) | toJson }}
    {{- if $isDriver }}
    - name: settings
      configMap:
        name: {{ $root.Release.Name }}-{{ include "fraud.settingsOf" (list $root $component) }}
    {{- end }}
    {{- range $path, $claim := include "fraud.claims" . | fromYaml }}
    - name: {{ trimPrefix "/" $path }}
      persistentVolumeClaim:
        claimName: {{ $claim.name }}
    {{- end }}
    {{- with include "fraud.secretVolumes" (list $root $component) | trim }}
    {{- . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* Whose settings a pod has: (list $ <component>). Where there is a trainer, people who look after models have its settings. */}}
{{- define "fraud.settingsOf" -}}
{{- $root := index . 0 -}}
{{- $isOfTrainer := or (eq (index . 1) "trainer") (and (eq (index . 1) "models") $root.Values.trainer.enabled) -}}
{{ $isOfTrainer | ternary "trainer" "detector" }}
{{- end }}

{{/* Claims by the folder in which a pod finds them, as YAML: (list $ "detector"). The detector only reads models. */}}
{{- define "fraud.claims" -}}
{{- $root := index . 0 -}}
{{- $isDetector := eq (index . 1) "detector" -}}
{{- $claims := dict -}}
{{- if and $isDetector (not $root.Values.detector.checkpoint.url) -}}
{{- $_ := set $claims "/checkpoints" (dict "name" (include "fraud.claim" $root) "readOnly" false) -}}
{{- end -}}
{{- if eq $root.Values.models.store "volume" -}}
{{- $_ := set $claims "/models" (dict "name" (include "fraud.modelClaim" $root) "readOnly" $isDetector) -}}
{{- end -}}
{{- $claims | toYaml }}
{{- end }}

{{/* The pods of a ReadWriteOnce claim are on one node: the detector's executors follow its driver. Trainer and models do where there is
     room; where the driver is down they must not wait for it. (list $ <component> <role>) */}}
{{- define "fraud.sparkAffinity" -}}
{{- $root := index . 0 -}}
{{- $isDetector := eq (index . 1) "detector" -}}
{{- $checkpoint := $root.Values.detector.checkpoint -}}
{{- $models := $root.Values.models -}}
{{- $oneNode := and (eq $models.store "volume") (eq $models.volume.accessMode "ReadWriteOnce") -}}
{{- if and $isDetector (not $checkpoint.url) (eq $checkpoint.accessMode "ReadWriteOnce") }}{{ $oneNode = true }}{{ end -}}
{{- if and $oneNode (not (and $isDetector (eq (index . 2) "driver"))) -}}
affinity:
  podAffinity:
    {{- if $isDetector }}
    requiredDuringSchedulingIgnoredDuringExecution:
      - {{ include "fraud.besideTheDetector" $root | indent 8 | trim }}
    {{- else }}
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          {{- include "fraud.besideTheDetector" $root | nindent 10 }}
    {{- end }}
{{- end }}
{{- end }}

{{- define "fraud.besideTheDetector" -}}
topologyKey: kubernetes.io/hostname
labelSelector:
  matchLabels:
    {{- include "fraud.selector" (list . "detector") | nindent 4 }}
    spark-role: driver
{{- end }}
