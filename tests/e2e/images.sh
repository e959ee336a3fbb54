#!/usr/bin/env bash
# Builds images into the cluster in KUBECONFIG, by the folders of their Dockerfiles: images.sh FOLDER... With the program that CLUSTER
# names (`cluster build-image`), else with docker, into the kind cluster of `make kind`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
images/build.sh "$version" "$@"
[ -z "${CLUSTER:-}" ] || exit 0
for folder in "$@"; do
    kind load docker-image "localhost/fraud-detection/$(basename "$folder"):$version" --name fraud
done
