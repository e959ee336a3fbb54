{{/* What values.schema.json cannot say: each refusal is a sentence. */}}
{{- define "fraud.validate" -}}
{{- $detector := .Values.detector -}}
{{- $mode := dig "trigger" "mode" "microBatch" $detector.config -}}
{{- $kafka := .Values.kafka -}}

{{- if not (regexMatch "^[a-z][-a-z0-9]{0,39}$" .Release.Name) -}}
{{- fail (printf "The release's name %q becomes the name of pods and services: it must begin with a letter and have at most 40 lower-case letters, digits and hyphens." .Release.Name) -}}
{{- end -}}

{{/* Of topics that `input` names nobody knows the partitions here: the detector itself asks Kafka, and says the same. */}}
{{- if and (eq $mode "realTime") (not $detector.config.input) -}}
{{- $slots := mul $detector.executor.instances $detector.executor.slots | int -}}
{{- $needed := include "fraud.realTimeSlots" . | int -}}
{{- if lt $slots $needed -}}
{{- fail (printf "Real-time mode runs all tasks at once, each in a slot: one for each partition of transactions and labels (topics.partitions, %d each), customers and merchants (1 each), and detector.config.state_partitions (%d) for each of the two stateful steps: %d. detector.executor has instances x slots = %d." (int .Values.topics.partitions) (dig "state_partitions" 2 $detector.config | int) $needed $slots) -}}
{{- end -}}
{{- end -}}

{{- if and (eq $mode "availableNow") (eq .Values.runtime "none") -}}
{{- fail "detector.config.trigger.mode availableNow ends by itself, and runtime none would start it over and over. Use runtime kubeflow or apache." -}}
{{- end -}}

{{- range $key, $_ := $detector.sparkConf -}}
{{- if or (hasPrefix "spark.kubernetes.authenticate." $key) (has $key (list "spark.master" "spark.kubernetes.driver.master" "spark.kubernetes.namespace" "spark.kubernetes.container.image" "spark.kubernetes.driver.container.image" "spark.kubernetes.executor.container.image")) -}}
{{- fail (printf "detector.sparkConf: %s is the chart's to set; Kubeflow's operator refuses it. Use images.spark and runtime." $key) -}}
{{- end -}}
{{- end -}}

{{- range $pod, $memory := dict "driver" $detector.driver.memory "executor" $detector.executor.memory -}}
{{- if lt (include "fraud.mebibytes" $memory | int) 1024 -}}
{{- fail (printf "detector.%s.memory is %s: Spark needs at least 1Gi, of which 60 %% is heap." $pod $memory) -}}
{{- end -}}
{{- end -}}

{{/* Whatever their number, each state store has memory of its own that no limit takes away: the buffers into which it writes. */}}
{{- $limit := "spark.sql.streaming.stateStore.rocksdb.maxMemoryUsageMB" -}}
{{- $overhead := mul 2 (include "fraud.stateMemory" .) | int -}}
{{- $memory := dig $limit (include "fraud.stateMemory" .) $detector.sparkConf | int -}}
{{- $stores := include "fraud.stateStores" . | int -}}
{{- if ge $memory $overhead -}}
{{- fail (printf "detector.sparkConf: %s is %d, and of detector.executor.memory (%s) only %d MiB are not heap: the JVM itself needs half of them. Raise the memory, or leave the setting out." $limit $memory $detector.executor.memory $overhead) -}}
{{- end -}}
{{- if lt $memory (mul 16 $stores | int) -}}
{{- fail (printf "Each executor has %d state stores (2 x detector.config.state_partitions / detector.executor.instances), and for all of them %d MiB, a fifth of detector.executor.memory unless detector.sparkConf says otherwise: each needs 16. Raise the memory or the instances, or lower state_partitions before there is a checkpoint." $stores $memory) -}}
{{- end -}}

{{- $store := .Values.models.store -}}
{{- if and .Values.trainer.enabled (eq $store "none") -}}
{{- fail "trainer.enabled: there is nowhere to keep what it learns. Set models.store to volume, or to s3a://bucket/folder." -}}
{{- end -}}
{{- if and .Values.models.publicKeySecret (eq $store "none") -}}
{{- fail "models.publicKeySecret: there are no models whose signatures could be asked for. Set models.store too." -}}
{{- end -}}
{{- if and .Values.models.publicKeySecret .Values.trainer.enabled (dig "promote" false .Values.trainer.config) (not .Values.trainer.signingKeySecret) -}}
{{- fail "models.publicKeySecret: the trainer promotes models that it does not sign, and the detector would refuse them. Set trainer.signingKeySecret, or leave trainer.config.promote out and sign by hand." -}}
{{- end -}}
{{- if and .Values.models.volume.existingClaim (ne $store "volume") -}}
{{- fail (printf "models.volume.existingClaim is not used where models.store is %s: set models.store to volume, or leave the claim out." $store) -}}
{{- end -}}
{{/* Kubeflow's operator names a run <release>-trainer-<nanoseconds>, and refuses more than 63 characters, at each run anew. */}}
{{- if and .Values.trainer.enabled (eq .Values.runtime "kubeflow") (gt (len .Release.Name) 35) -}}
{{- fail (printf "The release's name %q has more than 35 characters: with the time behind it, the operator could not name a run of the trainer." .Release.Name) -}}
{{- end -}}
{{- if and .Values.trainer.enabled (lt (include "fraud.mebibytes" .Values.trainer.memory | int) 1536) -}}
{{- fail (printf "trainer.memory is %s: Spark and the libraries that learn need at least 1536Mi, of which 40 %% is Spark's heap." .Values.trainer.memory) -}}
{{- end -}}
{{- $data := dig "data" "" .Values.trainer.config -}}
{{- if and .Values.trainer.enabled (ne $data "kafka") (not (hasPrefix "s3a://" $data)) -}}
{{- fail (printf "trainer.config.data is %q, a folder that the trainer's pod does not have. Set it to kafka, or to s3a://bucket/folder." $data) -}}
{{- end -}}
{{- $airflow := .Values.trainer.airflow.enabled -}}
{{- if and $airflow (not .Values.trainer.enabled) -}}
{{- fail "trainer.airflow.enabled: there is no trainer. Set trainer.enabled too." -}}
{{- end -}}
{{- if and $airflow (eq $data "kafka") -}}
{{- fail "trainer.airflow.enabled: the DAG checks an archive and learns from it. Set trainer.config.data to s3a://bucket/folder, where archive.config.sinks has one." -}}
{{- end -}}

{{- $archive := .Values.archive -}}
{{- if $archive.enabled -}}
{{- if not $archive.config.sinks -}}
{{- fail "archive.enabled: there is nowhere to copy to. Set archive.config.sinks, as values-s3.yaml and values-postgres.yaml do." -}}
{{- end -}}
{{- range $name, $sink := $archive.config.sinks -}}
{{- if and $sink.path (not (hasPrefix "s3a://" $sink.path)) -}}
{{- fail (printf "archive.config.sinks.%s.path is %q, a folder that is gone with its pod. Set it to s3a://bucket/folder." $name $sink.path) -}}
{{- end -}}
{{- end -}}
{{- if and $archive.schedule (not $archive.checkpoint.url) -}}
{{- fail "archive.schedule: each run is another pod. Set archive.checkpoint.url to s3a://bucket/folder." -}}
{{- end -}}
{{- if lt (include "fraud.seconds" $archive.maintenance.keep | int) 86400 -}}
{{- fail (printf "archive.maintenance.keep is %s: who reads older files needs them for a day at least. Set it to 1d or more." $archive.maintenance.keep) -}}
{{- end -}}
{{- if lt (include "fraud.mebibytes" $archive.memory | int) 1536 -}}
{{- fail (printf "archive.memory is %s: Spark needs at least 1536Mi, of which 60 %% is heap." $archive.memory) -}}
{{- end -}}
{{- end -}}

{{- $notifier := .Values.notifier -}}
{{- if $notifier.enabled -}}
{{- if not (and $notifier.config.channels $notifier.config.routes) -}}
{{- fail "notifier.enabled: nobody is named who would get alerts. Set notifier.config.channels and notifier.config.routes, as docs/how-to/notify.md shows." -}}
{{- end -}}
{{- if ne (dig "outbox" "type" "" $notifier.config) "postgres" -}}
{{- fail "notifier.config.outbox is a file that is gone with its pod, and alerts with it. Set its type to postgres, with host, user and password_file." -}}
{{- end -}}
{{- range $name, $channel := $notifier.config.channels -}}
{{- if eq $channel.type "mailbox" -}}
{{- fail (printf "notifier.config.channels.%s is a folder that is gone with its pod. Use email, service or webhook." $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A pod whose limit is below its request is refused once it is made, and helm has ended by then; one that may write less than it keeps on
     disk is evicted while it works. */}}
{{- $cpus := dict "driver" $detector.driver.cpu "executor" $detector.executor.cpu -}}
{{- $disks := dict "executor" (list "detector.executor.stateDisk" $detector.executor.stateDisk) -}}
{{- if .Values.watcher.enabled -}}{{- $_ := set $cpus "watcher" .Values.watcher.cpu -}}{{- end -}}
{{- if $notifier.enabled -}}{{- $_ := set $cpus "notifier" $notifier.cpu -}}{{- end -}}
{{- if include "fraud.maintenance" . -}}{{- $_ := set $cpus "maintenance" $archive.maintenance.cpu -}}{{- end -}}
{{- if .Values.trainer.enabled -}}
{{- $_ := set $cpus "trainer" .Values.trainer.cpu -}}
{{- $_ := set $disks "trainer" (list "trainer.disk" .Values.trainer.disk) -}}
{{- end -}}
{{- if $archive.enabled -}}
{{- $_ := set $cpus "archiver" $archive.cpu -}}
{{- $_ := set $disks "archiver" (list "archive.disk" $archive.disk) -}}
{{- end -}}
{{- range $component, $cpu := $cpus -}}
{{- $limit := (include "fraud.podSettings" (list $ $component false) | fromYaml).cpuLimit -}}
{{- if and $limit (lt (include "fraud.millicpus" $limit | int) (include "fraud.millicpus" $cpu | int)) -}}
{{- fail (printf "The %s asks for %s CPU, and its limit is %s. Raise cpuLimit in pods.%s, or lower its cpu." $component $cpu $limit $component) -}}
{{- end -}}
{{- end -}}
{{- range $component, $disk := $disks -}}
{{- $limit := (include "fraud.podSettings" (list $ $component false) | fromYaml).ephemeralStorage -}}
{{- if and $limit (lt (include "fraud.mebibytes" $limit | int) (include "fraud.mebibytes" (index $disk 1) | int)) -}}
{{- fail (printf "%s is %s, and the %s may write %s: it would be evicted. Raise ephemeralStorage in pods.%s, or lower %s." (index $disk 0) (index $disk 1) $component $limit $component (index $disk 0)) -}}
{{- end -}}
{{- end -}}

{{/* Pods that a quota refuses are never made, and helm would wait for them in silence. */}}
{{- $needed := .Values.pod.cpuLimit -}}
{{- if not $needed -}}
{{- $default := "" -}}
{{- range (lookup "v1" "LimitRange" .Release.Namespace "").items -}}
{{- range .spec.limits }}{{ if eq .type "Container" }}{{ $default = dig "default" "cpu" $default . }}{{ end }}{{ end -}}
{{- end -}}
{{- range (lookup "v1" "ResourceQuota" .Release.Namespace "").items -}}
{{- if and (not $default) (hasKey (.spec.hard | default dict) "limits.cpu") -}}
{{- fail (printf "The namespace %s has the quota %s on limits.cpu, which takes no pod without a limit. Set pod.cpuLimit, and for an executor that asks for more pods.executor.cpuLimit; or give the namespace a LimitRange with a default." $.Release.Namespace .metadata.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- if and (or $kafka.strimzi.createCluster $kafka.strimzi.createUsers) (not $kafka.strimzi.cluster) -}}
{{- fail "kafka.strimzi.cluster is empty: name the cluster that createCluster or createUsers is about." -}}
{{- end -}}
{{- if $kafka.strimzi.createCluster -}}
{{- $brokers := int $kafka.strimzi.brokers -}}
{{- if eq $brokers 2 -}}
{{- fail "kafka.strimzi.brokers is 2: both are controllers, and where one of two is away the other one stops. Set it to 1, or to 3 and more." -}}
{{- end -}}
{{/* A label may have 63 characters, and the pods are named <cluster>-<cluster>-<number>. */}}
{{- if gt (len (printf "%s-%s-%d" $kafka.strimzi.cluster $kafka.strimzi.cluster (sub $brokers 1))) 63 -}}
{{- fail (printf "kafka.strimzi.cluster %q is too long: the brokers' pods are named by it, twice. 30 characters are enough for ten brokers." $kafka.strimzi.cluster) -}}
{{- end -}}
{{- end -}}
{{- if and $kafka.strimzi.createUsers (or (eq $kafka.securityProtocol "PLAINTEXT") (and (eq $kafka.securityProtocol "SASL_SSL") (ne $kafka.saslMechanism "SCRAM-SHA-512"))) -}}
{{- fail "kafka.strimzi.createUsers: Strimzi's users have certificates (kafka.securityProtocol SSL) or passwords (SASL_SSL with SCRAM-SHA-512)." -}}
{{- end -}}
{{- if eq $kafka.securityProtocol "SASL_SSL" -}}
{{- $components := list "detector" "test" -}}
{{- if .Values.producers -}}{{- $components = append $components "producer" -}}{{- end -}}
{{- if .Values.trainer.enabled -}}{{- $components = append $components "trainer" -}}{{- end -}}
{{- if .Values.watcher.enabled -}}{{- $components = append $components "watcher" -}}{{- end -}}
{{- if .Values.notifier.enabled -}}{{- $components = append $components "notifier" -}}{{- end -}}
{{- if $archive.enabled -}}{{- $components = append $components "archiver" -}}{{- end -}}
{{- if include "fraud.topicsJob" . -}}{{- $components = append $components "topics" -}}{{- end -}}
{{- range $component := $components -}}
{{- $user := include "fraud.kafkaUser" (list $ $component) | fromYaml -}}
{{- if not (and $user.name $user.secret) -}}
{{- fail (printf "SASL_SSL needs a name and a Secret for %s: set kafka.user or kafka.users.%s." $component $component) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
