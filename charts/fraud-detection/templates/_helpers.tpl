{{/* Names are <release>-<component>; labels name the release and the component. A helper is called with (list $ ...). */}}

{{/* Labels that select the pods of a component; on the pods themselves these and no others, so that a new chart version restarts nothing. */}}
{{- define "fraud.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "fraud.labels" -}}
{{- $root := index . 0 -}}
{{ include "fraud.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
{{- end }}

{{/* The reference of an image: (list $ .Values.images.spark). */}}
{{- define "fraud.image" -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default (index . 0).Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* Seconds, rounded up, in a duration such as 250ms, 30s, 5m, 12h, 1d. */}}
{{- define "fraud.seconds" -}}
{{- $units := dict "ms" 0.001 "s" 1 "m" 60 "h" 3600 "d" 86400 -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- mulf (trimSuffix $unit . | float64) (get $units $unit) | ceil | int -}}
{{- end }}

{{/* MiB in a quantity such as 1280Mi, 2Gi or 1Ti. */}}
{{- define "fraud.mebibytes" -}}
{{- mul (regexFind "^[0-9]+" .) (get (dict "Mi" 1 "Gi" 1024 "Ti" 1048576) (regexFind "[A-Za-z]+$" .)) -}}
{{- end }}

{{/* Thousandths of a CPU in a quantity such as 500m, 1 or 1.5. */}}
{{- define "fraud.millicpus" -}}
{{- mulf (regexFind "^[0-9.]+" .) (hasSuffix "m" . | ternary 1 1000) | ceil | int -}}
{{- end }}

{{/* ---- Kafka ---- */}}

{{- define "fraud.bootstrapServers" -}}
{{- $kafka := .Values.kafka -}}
{{- if $kafka.bootstrapServers -}}
{{ $kafka.bootstrapServers }}
{{- else if $kafka.strimzi.cluster -}}
{{ $kafka.strimzi.cluster }}-kafka-bootstrap:{{ ternary 9092 9093 (eq $kafka.securityProtocol "PLAINTEXT") }}
{{- else -}}
kafka:9092
{{- end }}
{{- end }}

{{- define "fraud.caSecret" -}}
{{- $kafka := .Values.kafka -}}
{{- if ne $kafka.securityProtocol "PLAINTEXT" -}}
{{ $kafka.caSecret | default (empty $kafka.strimzi.cluster | ternary "" (printf "%s-cluster-ca-cert" $kafka.strimzi.cluster)) }}
{{- end }}
{{- end }}

{{/* Name and Secret of a component's identity, as YAML: (list $ "detector"). */}}
{{- define "fraud.kafkaUser" -}}
{{- $root := index . 0 -}}
{{- $kafka := $root.Values.kafka -}}
{{- if eq $kafka.securityProtocol "PLAINTEXT" -}}
secret: ""
{{- else if $kafka.strimzi.createUsers -}}
{{- $name := printf "%s-%s" $root.Release.Name (index . 1) -}}
{{ dict "secret" $name "name" $name | toYaml }}
{{- else -}}
{{ merge (get $kafka.users (index . 1) | default dict | deepCopy) $kafka.user | toYaml }}
{{- end }}
{{- end }}

{{/* The `kafka:` section of a component's settings file: (list $ "detector"). */}}
{{- define "fraud.kafkaSettings" -}}
{{- $root := index . 0 -}}
{{- $kafka := $root.Values.kafka -}}
{{- $user := include "fraud.kafkaUser" . | fromYaml -}}
bootstrap_servers: {{ include "fraud.bootstrapServers" $root }}
security_protocol: {{ $kafka.securityProtocol }}
{{- if include "fraud.caSecret" $root }}
ca_file: /etc/kafka/ca/{{ $kafka.keys.ca }}
{{- end }}
{{- if and (eq $kafka.securityProtocol "SSL") $user.secret }}
certificate_file: /etc/kafka/user/{{ $kafka.keys.certificate }}
key_file: /etc/kafka/user/{{ $kafka.keys.key }}
{{- else if eq $kafka.securityProtocol "SASL_SSL" }}
sasl_mechanism: {{ $kafka.saslMechanism }}
sasl_username: {{ $user.name }}
sasl_password_file: /etc/kafka/user/{{ $kafka.keys.password }}
{{- end }}
{{- end }}

{{/* Secrets by the folder in which a component finds them, as YAML: (list $ "detector"). */}}
{{- define "fraud.secrets" -}}
{{- $root := index . 0 -}}
{{- /* People who look after models watch them too: as the trainer, where there is one. */}}
{{- $asTrainer := and (eq (index . 1) "models") $root.Values.trainer.enabled }}
{{- $who := $asTrainer | ternary "trainer" (index . 1) }}
{{- if not (has $who (list "models" "maintenance")) }}
{{- with include "fraud.caSecret" $root }}
/etc/kafka/ca: {{ . }}
{{- end }}
{{- with (include "fraud.kafkaUser" (list $root $who) | fromYaml).secret }}
/etc/kafka/user: {{ . }}
{{- end }}
{{- end }}
{{- if eq (index . 1) "detector" }}
{{- with $root.Values.s3.secret }}
/etc/s3: {{ . }}
{{- end }}
{{- with $root.Values.models.publicKeySecret }}
/etc/model-key: {{ . }}
{{- end }}
{{- end }}
{{- if has (index . 1) (list "trainer" "models") }}
{{- with include "fraud.trainerKeys" $root }}
/etc/s3: {{ . }}
{{- end }}
{{- with $root.Values.trainer.signingKeySecret }}
/etc/signing: {{ . }}
{{- end }}
{{- end }}
{{- if has (index . 1) (list "archiver" "maintenance") }}
{{- with include "fraud.archiverKeys" $root }}
/etc/s3: {{ . }}
{{- end }}
{{- end }}
{{- if eq (index . 1) "archiver" }}
{{- with $root.Values.archive.secret }}
/etc/archive: {{ . }}
{{- end }}
{{- end }}
{{- if eq (index . 1) "notifier" }}
{{- with $root.Values.notifier.secret }}
/etc/notifier: {{ . }}
{{- end }}
{{- end }}
{{- if has (index . 1) (list "detector" "trainer" "archiver") }}
{{- with $root.Values.detector.inputSecret }}
/etc/input: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "fraud.secretVolumes" -}}
{{- range $path, $secret := include "fraud.secrets" . | fromYaml }}
- name: {{ trimPrefix "/etc/" $path | replace "/" "-" }}
  secret:
    secretName: {{ $secret }}
    defaultMode: 0440
{{- end }}
{{- end }}

{{- define "fraud.secretMounts" -}}
{{- range $path, $secret := include "fraud.secrets" . | fromYaml }}
- name: {{ trimPrefix "/etc/" $path | replace "/" "-" }}
  mountPath: {{ $path }}
  readOnly: true
{{- end }}
{{- end }}
