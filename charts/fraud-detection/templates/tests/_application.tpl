{{/* The pod that asks whether the application runs: (list $ <name>). */}}
{{- define "fraud.applicationPod" -}}
{{- $root := index . 0 -}}
metadata:
  name: {{ index . 1 }}
  labels:
    {{- include "fraud.selector" (list $root "test-application") | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded,hook-failed
    helm.sh/hook-output-log-policy: hook-succeeded,hook-failed
spec:
  restartPolicy: Never
  serviceAccountName: {{ index . 1 }}
  automountServiceAccountToken: true
  securityContext:
    {{- include "fraud.podSecurity" (list 10001) | nindent 4 }}
  containers:
    - name: application
      image: {{ include "fraud.image" (list $root $root.Values.images.producer) }}
      imagePullPolicy: {{ $root.Values.images.producer.pullPolicy }}
      command: [python3, /etc/fraud/application_state.py]
      args: [{{ $root.Release.Namespace }}, {{ $root.Release.Name }}-detector, {{ include "fraud.seconds" $root.Values.test.timeout | quote }}]
      securityContext:
        {{- include "fraud.containerSecurity" . | nindent 8 }}
      resources:
        requests: {cpu: 50m, memory: 64Mi}
        limits: {memory: 64Mi}
      volumeMounts:
        - name: script
          mountPath: /etc/fraud
          readOnly: true
  volumes:
    - name: script
      configMap:
        name: {{ index . 1 }}
{{- end }}
