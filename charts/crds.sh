#!/usr/bin/env bash
# Downloads the operators' CRDs that the chart's objects are checked against into a folder: crds.sh FOLDER. They are third parties' and
# large, so they are no part of this project; each is taken at a release and checked by hash. Then: CRD_DIR=FOLDER make test-chart
set -euo pipefail
mkdir -p "$1"
cd "$1"

while read -r hash repository release path; do
    file=$(basename "$path")
    sha256sum --check --status <<<"$hash  $file" 2>/dev/null && continue
    curl --fail --silent --show-error --location --retry 3 \
        --output "$file" "https://raw.githubusercontent.com/$repository/$release/$path"
    sha256sum --check --quiet <<<"$hash  $file"
done <<'TABLE'
ecd9c14fcadb9d5f8ced4c4ee31920548ea53a892e0a69c3e43aa758bfca6d94 kubeflow/spark-operator v2.5.2 charts/spark-operator-chart/crds/sparkoperator.k8s.io_sparkapplications.yaml
5dc6654b2ad9157421ddf177737795420088fbe70338e45602bacf22ce25cc99 kubeflow/spark-operator v2.5.2 charts/spark-operator-chart/crds/sparkoperator.k8s.io_scheduledsparkapplications.yaml
f13f108b473bd843cdccc35405927c4684cd1edc4325fb77869fec54af215a25 apache/spark-kubernetes-operator 1.0.0 build-tools/helm/spark-kubernetes-operator/crds/sparkapplications.spark.apache.org-v1.yaml
c03fc9679a6edb13f3826cd3b5505183a21bb436ada484c7ed93f55f6a010aa8 strimzi/strimzi-kafka-operator 1.2.0 packaging/helm-charts/helm3/strimzi-kafka-operator/crds/040-Crd-kafka.yaml
4f2849dc0c8ddde306074648df5fb631fd43d042c4827f4391e97861596899a3 strimzi/strimzi-kafka-operator 1.2.0 packaging/helm-charts/helm3/strimzi-kafka-operator/crds/043-Crd-kafkatopic.yaml
e4b6aa159bbeac133b254903b12759cd5fa64ff391c8c5f92a4b189a8154b0f0 strimzi/strimzi-kafka-operator 1.2.0 packaging/helm-charts/helm3/strimzi-kafka-operator/crds/044-Crd-kafkauser.yaml
f900373d08f199ef5bfa8eb22d6396326aac6a65403b115481655310d6b48696 strimzi/strimzi-kafka-operator 1.2.0 packaging/helm-charts/helm3/strimzi-kafka-operator/crds/045-Crd-kafkanodepool.yaml
45a93443daa687d3654f7e9631909ff7edcdf3ec09c5e60251b74aa2722aee5d prometheus-operator/prometheus-operator v0.93.0 example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml
78be98554b9c8506ab2b4f4feb91c5f3a56e536a0a510f3a8e876a459970d56d prometheus-operator/prometheus-operator v0.93.0 example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml
TABLE
