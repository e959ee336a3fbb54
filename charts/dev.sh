#!/usr/bin/env bash
# A development cluster with the chart on it: dev.sh kind|cluster [HELM ARGUMENTS]. Makes what is missing, updates what has changed.
#   kind      kind's cluster of kind-config.yaml, Strimzi with a Kafka, spark-operator, images, chart; needs docker or podman
#   cluster   the cluster of the `cluster` script that CLUSTER names: docs/how-to/develop-on-kubernetes.md; Kafka is the caller's
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
strimzi=1.2.0 spark_operator=2.5.2 # the same as in skaffold.yaml; a test compares

need() {
    command -v "$1" >/dev/null || { echo "error: $1 is not in PATH. $2" >&2; exit 1; }
}

install_chart() { # TAG HELM-ARGUMENTS...
    helm upgrade --install fraud charts/fraud-detection --namespace fraud --create-namespace \
        --values charts/fraud-detection/values-dev.yaml --values charts/fraud-detection/values-console.yaml \
        --set "images.spark.tag=$1,images.producer.tag=$1,images.trainer.tag=$1" "${@:2}"
}

on_kind() {
    need kind "Install kind 0.32 or newer."
    need kubectl "Install kubectl."
    local engine=docker tag image name work
    if ! docker info >/dev/null 2>&1; then
        podman info >/dev/null 2>&1 || { echo "error: kind needs docker or podman, running. Without them: make cluster." >&2; exit 1; }
        engine=podman
        export KIND_EXPERIMENTAL_PROVIDER=podman
    fi
    work=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$work'" EXIT
    # A kubeconfig of our own: the user's current context may be another cluster, and stays.
    export KUBECONFIG=$work/kubeconfig
    kind get clusters 2>/dev/null | grep --quiet --line-regexp fraud || kind create cluster --config kind-config.yaml --wait 3m
    kind export kubeconfig --quiet --name fraud

    helm upgrade --install strimzi oci://quay.io/strimzi-helm/strimzi-kafka-operator --version "$strimzi" \
        --namespace strimzi --create-namespace --values charts/dev/strimzi.yaml --wait
    helm upgrade --install spark-operator spark-operator --repo https://kubeflow.github.io/spark-operator --version "$spark_operator" \
        --namespace spark-operator --create-namespace --values charts/dev/spark-operator.yaml --wait

    tag=$(env -u CLUSTER images/build.sh)
    for name in spark producer trainer; do
        image=localhost/fraud-detection/$name:$tag
        "$engine" exec fraud-control-plane crictl inspecti --quiet "$image" >/dev/null 2>&1 && continue
        "$engine" save --output "$work/$name.tar" "$image"
        kind load image-archive "$work/$name.tar" --name fraud
    done
    install_chart "$tag" --values charts/dev/fraud-detection.yaml "$@"
}

on_cluster() {
    [ -n "${CLUSTER:-}" ] || { echo "error: CLUSTER is not set. Set it to the path of a cluster script." >&2; exit 1; }
    JOB_NAMESPACES=fraud,fraud-e2e "$CLUSTER" up >&2 # an operator that served the end-to-end tests goes on to
    eval "$("$CLUSTER" env)"
    install_chart "$(images/build.sh)" "$@"
}

need helm "\`make chart-tools\` builds it into .runtime/chart-tools."
case ${1:-} in
kind) on_kind "${@:2}" ;;
cluster) on_cluster "${@:2}" ;;
*) sed -n '2,4p' "$0" >&2; exit 2 ;;
esac
