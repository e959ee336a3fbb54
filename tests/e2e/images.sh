#!/usr/bin/env bash
# Builds the images that the tests need, theirs and the product's, into the cluster in KUBECONFIG: with the program that CLUSTER names
# (`cluster build-image`), else with docker, into the kind cluster of `make kind`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
folders=(images/spark images/producer images/trainer tests/e2e/test-servers)
images/build.sh "$version" "${folders[@]}"
[ -z "${CLUSTER:-}" ] || exit 0
for folder in "${folders[@]}"; do
    kind load docker-image "docker.io/fraud-detection/$(basename "$folder"):$version" --name fraud
done
