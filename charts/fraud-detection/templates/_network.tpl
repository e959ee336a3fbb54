{{/* What a NetworkPolicy lets out. Each is a rule, or several; fraud.egress is what every pod may. */}}

{{- define "fraud.egress" -}}
- ports:
    {{- range .Values.networkPolicy.dns.ports }}
    - {port: {{ . }}, protocol: UDP}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Brokers may advertise any address, so it is their ports that are allowed. */}}
{{- define "fraud.egressKafka" -}}
{{- $ports := list -}}
{{- range splitList "," (include "fraud.bootstrapServers" .) -}}
{{- $ports = append $ports (regexFind "[0-9]+$" (trim .)) -}}
{{- end -}}
- ports:
    {{- range uniq $ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end }}

{{/* The API server: where the values say, else where the cluster says, else, where no cluster is asked, any private address. Some network
     plugins look at the address and port of its Service, others at its own. */}}
{{- define "fraud.egressApi" -}}
{{- $cidrs := .Values.networkPolicy.apiServer.cidrs -}}
{{- $ports := .Values.networkPolicy.apiServer.ports -}}
{{- if not $cidrs -}}
{{- $found := list -}}
{{- with lookup "discovery.k8s.io/v1" "EndpointSlice" "default" "kubernetes" -}}
{{- range .endpoints }}{{ $found = concat $found .addresses }}{{ end -}}
{{- if not $ports }}{{ range .ports }}{{ $ports = append $ports (int .port) }}{{ end }}{{ end -}}
{{- end -}}
{{- with and $found (lookup "v1" "Service" "default" "kubernetes") -}}
{{- $found = concat $found .spec.clusterIPs -}}
{{- if not $.Values.networkPolicy.apiServer.ports }}{{ range .spec.ports }}{{ $ports = append $ports (int .port) }}{{ end }}{{ end -}}
{{- end -}}
{{- range uniq $found }}{{ $cidrs = append $cidrs (printf "%s/%s" . (contains ":" . | ternary "128" "32")) }}{{ end -}}
{{- end -}}
{{/* RFC 1918, RFC 6598 and RFC 4193. */}}
{{- $private := list "10.0.0.0/8" "172.16.0.0/12" "192.168.0.0/16" "100.64.0.0/10" "fc00::/7" -}}
- to:
    {{- range $cidrs | default $private }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  ports:
    {{- range $ports | default (list 443 6443) | uniq }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end }}

{{/* The schema registry, by the port of its URL. */}}
{{- define "fraud.egressRegistry" -}}
{{- with dig "registry" "url" "" (default dict .Values.detector.config.input) -}}
{{ include "fraud.egressUrl" (list . $.Values.networkPolicy.registry.to) }}
{{- end }}
{{- end }}

{{/* S3, for who has a path there: (list $ <path> ...). Without an endpoint it is AWS. */}}
{{- define "fraud.egressS3" -}}
{{- $values := (index . 0).Values -}}
{{- if rest . | join "\n" | regexMatch "(?m)^s3a://" -}}
{{ include "fraud.egressUrl" (list ($values.s3.endpoint | default "https://s3.amazonaws.com") $values.networkPolicy.s3.to) }}
{{- end }}
{{- end }}

{{/* The port of a URL: (list <URL> <peers>). */}}
{{- define "fraud.egressUrl" -}}
{{- $url := index . 0 -}}
- ports:
    - {port: {{ regexFind ":[0-9]+$" (urlParse $url).host | trimPrefix ":" | default (hasPrefix "https:" $url | ternary "443" "80") }}, protocol: TCP}
  {{- with index . 1 }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Who may read /metrics. The kubelet's probes come from the node, which no policy keeps out. */}}
{{- define "fraud.ingressMetrics" -}}
- ports:
    - {port: 8000, protocol: TCP}
  {{- with .Values.networkPolicy.metrics.from }}
  from:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
