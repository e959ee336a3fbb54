{{/* The alert rules, as YAML: name, expr, for, severity, summary, description. prometheusrule.yaml makes rules of them; docs/runbook.md
     has a section for each.

     The detector's own metrics move when Spark reports progress: once a batch, in real-time mode once a checkpoint, which takes up to
     three seconds more than trigger.duration. So no window of theirs is shorter than two of these periods. The watcher's move every
     second: where it runs, what is to be known soon is asked of it. */}}
{{- define "fraud.alerts" -}}
{{- $trigger := dig "trigger" dict .Values.detector.config -}}
{{- $mode := $trigger.mode | default "microBatch" -}}
{{- $isRealTime := eq $mode "realTime" -}}
{{- $asked := ternary ($trigger.duration | default "5m") ($trigger.interval | default "1s") $isRealTime -}}
{{- $period := include "fraud.seconds" $asked | int -}}
{{- $steps := printf "%ds" (max 300 (add (mul 2 $period) 60)) -}}
{{- $own := printf `job="%s/%s-detector"` .Release.Namespace .Release.Name -}}
{{- $live := printf `job="%s/%s-watcher"` .Release.Namespace .Release.Name -}}
{{- $watched := .Values.watcher.enabled -}}
{{- $archive := .Values.archive -}}
{{- $copies := printf `job="%s/%s-archiver"` .Release.Namespace .Release.Name -}}
{{- $told := printf `job="%s/%s-notifier"` .Release.Namespace .Release.Name -}}
{{- $late := min 1700 (add 10 ($isRealTime | ternary 0 (mul 3 $period))) -}}
{{- if ne $mode "availableNow" }}
- alert: FraudDetectorDown
  expr: absent(fraud_seconds_since_progress{ {{- $own -}} })
  for: 2m
  severity: critical
  summary: No fraud detector answers
  description: >-
    Prometheus has had no metrics of the detector for two minutes: there is no driver, it does not start, or its process stands still.
    No payment is decided. None is lost, they wait in Kafka. Read the driver's log, and the state of the SparkApplication or the
    StatefulSet.
- alert: FraudDetectorRestarts
  # Each series that was there is one start of the detector, and so is each change of its value.
  expr: sum(1 + changes(fraud_start_time_seconds{ {{- $own -}} }[15m])) > 3
  for: 0s
  severity: critical
  summary: The fraud detector starts again and again
  description: >-
    It has started {{ `{{ $value }}` }} times in fifteen minutes, so it decides little or nothing. The last lines of the log of a
    driver that has ended are one paragraph: what happened, and what to do.
- alert: FraudDetectorStalled
  # Before its first batch is done a detector loads all of its state: it is given a quarter of an hour for that.
  expr: >-
    max((fraud_seconds_since_progress{ {{- $own -}} } > {{ max 120 (mul 3 $period) }} and fraud_batch_duration_seconds_count{ {{- $own -}} } > 0)
    or fraud_seconds_since_progress{ {{- $own -}} } > {{ max 900 (mul 3 $period) }}
    {{- if $watched }}
    or (fraud_watch_oldest_unscored_seconds{ {{- $live -}} } > {{ $isRealTime | ternary 60 (max 60 (mul 2 $period)) }}
    and on() fraud_batch_duration_seconds_count{ {{- $own -}} } > 0)
    {{- end -}}
    )
  for: 1m
  severity: critical
  summary: The fraud detector runs, and decides nothing
  description: >-
    Its process answers, payments wait, and none has been decided for {{ `{{ $value | humanizeDuration }}` }}. Look whether Kafka and the
    checkpoint's storage answer, and whether all executors run, then restart the driver: it goes on from its checkpoint.
{{- end }}
- alert: FraudDetectorBehind
  {{- if $watched }}
  expr: histogram_quantile(0.9, sum by (le) (rate(fraud_watch_scored_latency_seconds_bucket{ {{- $live -}} }[5m]))) > {{ $late }}
  for: 5m
  {{- else }}
  expr: fraud_lag_seconds{ {{- $own -}} } > {{ max 60 (mul 3 $period) }}
  for: {{ $steps }}
  {{- end }}
  severity: warning
  summary: The fraud detector decides payments late
  description: >-
    More payments arrive than are decided, or it catches up after a stop. If this does not end by itself, give it more executors or
    slots, and the topics more partitions.
- alert: FraudDetectorRejects
  {{- if $watched }}
  expr: sum(rate(fraud_watch_rejected_total{ {{- $live -}} }[5m])) > 0.01 * sum(rate(fraud_watch_in_records_total{ {{- $live -}} }[5m]))
  {{- else }}
  expr: sum(rate(fraud_rejected_total{ {{- $own -}} }[{{ $steps }}])) > 0.01 * sum(rate(fraud_rows_total{ {{- $own -}} }[{{ $steps }}]))
  {{- end }}
  for: 1m
  severity: warning
  summary: More than one record in a hundred cannot be read
  description: >-
    Rejected payments are not decided. The topic of rejected records says why, record by record. Often a sender's new version is the
    cause.
- alert: FraudDecisionsShifted
  {{- $decisions := $watched | ternary (printf "fraud_watch_decisions_total{%s" $live) (printf "fraud_decisions_total{%s" $own) }}
  {{- $half := printf "%ds" (max 1800 (add (mul 2 $period) 60)) }}
  {{- $share := printf `(sum(rate(%s,decision!="approve"}[%%s])) / sum(rate(%s}[%%s])))` $decisions $decisions }}
  expr: >-
    {{ printf $share $half $half }} > 0.05
    and {{ printf $share $half $half }} > 4 * {{ printf (replace "])" "] offset %s)" $share) "1d" $half "1d" $half }}
  for: 10m
  severity: warning
  summary: Four times as many payments are reviewed or declined as the day before
  description: >-
    {{ `{{ $value | humanizePercentage }}` }} of the payments are alerts. Either an attack runs, or a model or a rule that is new does more
    than it should. Compare the alerts' reasons and versions with yesterday's.
- alert: FraudModelLost
  expr: fraud_model_missing{ {{- $own -}} } == 1
  for: 1m
  severity: critical
  summary: No model scores payments, rules decide alone
  description: >-
    A model store is set, and no champion of it can be used: it is missing, refused, or the store does not answer. The driver's log says
    which. Fraud that only the model knows is approved.
- alert: FraudModelRefused
  expr: fraud_model_refused{ {{- $own -}} } == 1
  for: 5m
  severity: warning
  summary: A promoted model is not taken up
  description: >-
    The store's champion or challenger is refused, or the store cannot be read. What was served before still is. The driver's log says
    why; each look tries again.
- alert: FraudModelRolledBack
  # Who was champion 70 minutes ago is it again, and another was in between. The program that rolled back has ended, and tells no metrics.
  expr: >-
    max by (version) (fraud_model{ {{- $own -}}, role="champion"}) == 1
    and max by (version) (fraud_model{ {{- $own -}}, role="champion"} offset 70m)
    and on() count(count by (version) (max_over_time(fraud_model{ {{- $own -}}, role="champion"}[70m]))) > 1
  for: 0s
  severity: warning
  summary: A new model was rolled back
  description: >-
    {{ `{{ $labels.version }}` }} scores again, and a model that was promoted within the last hour does no longer. Either its watch has
    found that it does harm, or somebody has rolled it back. The audit of the model store says who, when and why.
- alert: FraudExecutorsDiffer
  # One batch may hold a promotion: the next one tells.
  expr: count(count by (version) (fraud_executor_model{ {{- $own -}} })) > 1
  for: {{ $steps }}
  severity: warning
  summary: Executors score with different models
  description: >-
    {{ `{{ $value }}` }} versions score at once, for longer than a promotion takes. An executor does not reach the model store, or refuses
    what the others have taken.
- alert: FraudDeclineCeiling
  expr: {{ include "fraud.grew" (list "fraud_decline_ceiling_total" $own "job" $steps) }}
  for: 0s
  severity: warning
  summary: The ceiling of declines is reached
  description: >-
    {{ `{{ $value | humanize }}` }} payments that rules or the model would have declined were reviewed, because their minute had as many
    declines as max_declines_per_minute allows. Either an attack runs, or a rule or a model declines too much.
- alert: FraudSlotsShort
  expr: fraud_slots_needed{ {{- $own -}} } > fraud_slots_had{ {{- $own -}} }
  for: 0s
  severity: critical
  summary: The fraud detector will need more task slots than it has
  description: >-
    An input topic has got more partitions. The detector ends at its next checkpoint and cannot start again until it has
    {{ `{{ $value }}` }} slots.
- alert: FraudRuleFails
  expr: {{ include "fraud.grew" (list "fraud_rule_failures_total" $own "rule" $steps) }}
  for: 0s
  severity: warning
  summary: Rule {{ `{{ $labels.rule }}` }} fails on some payments
  description: >-
    On {{ `{{ $value | humanize }}` }} payments the rule could not be answered, which counts as no. Its expression meets a value that it is not
    made for.
- alert: FraudPaymentsUnscored
  {{- if $watched }}
  expr: sum(rate(fraud_watch_unscored_total{ {{- $live -}} }[5m])) > 0.01 * sum(rate(fraud_watch_decisions_total{ {{- $live -}} }[5m]))
  {{- else }}
  expr: sum(rate(fraud_unscored_total{ {{- $own -}}, role="champion"}[{{ $steps }}])) > 0.01 * sum(rate(fraud_decisions_total{ {{- $own -}} }[{{ $steps }}]))
  {{- end }}
  for: 1m
  severity: critical
  summary: The model gives no score for more than one payment in a hundred
  description: >-
    Those payments are decided by rules alone, although there is a champion. Often its answer is not a number where a feature is
    absent. Roll back to the version before.
- alert: FraudRecordsLost
  expr: {{ include "fraud.grew" (list "fraud_lost_records_total" $own "topic" $steps) }}
  for: 0s
  severity: critical
  summary: Records of {{ `{{ $labels.topic }}` }} were lost before they were read
  description: >-
    Kafka had deleted {{ `{{ $value | humanize }}` }} records before the detector came to them, and it went on without them. Payments among
    them were never decided, and the history lacks them.
{{- if and $archive.enabled (not $archive.schedule) }}
{{- $pause := include "fraud.seconds" (dig "trigger" "interval" "1m" $archive.config) | int }}
- alert: FraudArchiveStalled
  # Behind: there was more than a batch takes at each look of half an hour, and it does not become less.
  expr: >-
    max by (sink) (fraud_archive_seconds_since_progress{ {{- $copies -}} } > {{ max 600 (mul 3 $pause) }}
    or (min_over_time(fraud_archive_lag_rows{ {{- $copies -}} }[30m]) > {{ $archive.config.max_offsets | default 100000 | int }}
    and deriv(fraud_archive_lag_rows{ {{- $copies -}} }[30m]) >= 0))
    or label_replace(absent(fraud_archive_seconds_since_progress{ {{- $copies -}} }), "sink", "any sink", "", "")
  for: 5m
  severity: warning
  summary: The archiver does not copy to {{ `{{ $labels.sink }}` }}, or not as fast as records come
  description: >-
    Its store is away or full, or refuses what is written, or it takes less than the detector sends. Nothing is lost while Kafka keeps
    the records, which is seven days by default. The archiver's log says why.
{{- end }}
{{- if $watched }}
- alert: FraudWatcherDown
  expr: absent(fraud_watch_broker_reachable{ {{- $live -}} })
  for: 3m
  severity: warning
  summary: The watcher does not run
  description: >-
    Alerts on latency, rejects and decisions are silent without it. The detector is not affected. Read the log of the watcher's pod.
- alert: FraudWatcherBlind
  expr: fraud_watch_broker_reachable{ {{- $live -}} } == 0
  for: 2m
  severity: warning
  summary: The watcher reaches no Kafka broker
  description: >-
    Either Kafka is away, for the detector too then, or the watcher's address, user or network policy is wrong.
{{- end }}
{{- if .Values.notifier.enabled }}
{{- /* A channel gathers alerts of a card on purpose, for so long at most. */}}
{{- $gathers := 0 }}
{{- range .Values.notifier.config.channels }}
{{- $gathers = max $gathers (include "fraud.seconds" (.group | default (ternary "0s" "5m" (eq .type "webhook"))) | int) }}
{{- end }}
- alert: FraudNotifierDown
  expr: absent(fraud_notify_outbox_reachable{ {{- $told -}} })
  for: 3m
  severity: critical
  summary: The notifier does not run
  description: >-
    Nobody is told of alerts. None is lost, they wait in Kafka. The detector is not affected. Read the log of the notifier's pod.
- alert: FraudNotifierOutboxAway
  expr: fraud_notify_outbox_reachable{ {{- $told -}} } == 0
  for: 2m
  severity: critical
  summary: The notifier does not reach its outbox
  description: >-
    Nobody is told of new alerts while its database is away. None is lost, they wait in Kafka, and the notifier tries the database every
    second.
- alert: FraudNotifierBehind
  # In ten minutes a message has been tried five times.
  expr: max by (channel) (fraud_notify_oldest_waiting_seconds{ {{- $told -}} }) > {{ add 600 $gathers }}
  for: 1m
  severity: warning
  summary: Alerts do not reach channel {{ `{{ $labels.channel }}` }}
  description: >-
    The oldest has waited for {{ `{{ $value | humanizeDuration }}` }}. The channel's server is away or refuses messages, or more alerts come
    than the channel may have. Messages are tried again for a day and a half, and then given up.
- alert: FraudNotifierGivesUp
  expr: >-
    max by (channel) (fraud_notify_gone{ {{- $told -}} }) == 1
    or {{ include "fraud.grew" (list "fraud_notify_tries_total" (printf `%s,outcome="dead"` $told) "channel" "1h") }}
  for: 0s
  severity: critical
  summary: Messages to channel {{ `{{ $labels.channel }}` }} are given up
  description: >-
    A message was refused for good, or was tried for a day and a half in vain, or the receiver has said that it takes nothing any more. `fraud notify
    list` shows each with its cause, and `fraud notify retry` sends them again once the cause is mended.
{{- end }}
{{- end }}

{{/* How much a counter has grown, by a label, where it has: (list name matchers label window). A series that begins with more than 0,
     as that of a start which counts at once, has grown too. */}}
{{- define "fraud.grew" -}}
{{- $series := printf "%s{%s}" (index . 0) (index . 1) -}}
{{- $label := index . 2 -}}
{{- $window := index . 3 -}}
sum by ({{ $label }}) (increase({{ $series }}[{{ $window }}])) > 0 or sum by ({{ $label }}) ({{ $series }} unless {{ $series }} offset {{ $window }}) > 0
{{- end }}
