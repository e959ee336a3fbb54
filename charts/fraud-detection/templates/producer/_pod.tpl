{{/* Spec of a pod of the producer's image: (list $ <component> <arguments> <ConfigMap> <cpu> <memory>). */}}
{{- define "fraud.producerPod" -}}
{{- $root := index . 0 -}}
{{- $user := list $root (index . 1) -}}
automountServiceAccountToken: false
securityContext:
  {{- include "fraud.podSecurity" (list 10001) | nindent 2 }}
containers:
  - name: {{ index . 1 }}
    image: {{ include "fraud.image" (list $root $root.Values.images.producer) }}
    imagePullPolicy: {{ $root.Values.images.producer.pullPolicy }}
    args: {{ index . 2 | toJson }}
    terminationMessagePolicy: FallbackToLogsOnError
    securityContext:
      {{- include "fraud.containerSecurity" . | nindent 6 }}
    resources:
      requests: {cpu: {{ index . 4 | quote }}, memory: {{ index . 5 }}}
      limits: {memory: {{ index . 5 }}}
    volumeMounts:
      - name: tmp
        mountPath: /tmp
      - name: settings
        mountPath: /etc/fraud
        readOnly: true
      {{- with include "fraud.secretMounts" $user | trim }}
      {{- . | nindent 6 }}
      {{- end }}
volumes:
  - name: tmp
    emptyDir: {}
  - name: settings
    configMap:
      name: {{ index . 3 }}
  {{- with include "fraud.secretVolumes" $user | trim }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end }}
