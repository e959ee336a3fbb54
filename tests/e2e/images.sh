#!/usr/bin/env bash
# Builds images into the cluster in KUBECONFIG, by the folders of their Dockerfiles: images.sh FOLDER... With the program that CLUSTER
# names (`cluster build-image`), else with docker, into the kind cluster of `make kind`. TREE names another checkout to build from, TAG
# another tag than its version.
set -euo pipefail
cd "${TREE:-$(dirname "${BASH_SOURCE[0]}")/../..}"
tag=${TAG:-$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)}
images/build.sh "$tag" "$@"
[ -z "${CLUSTER:-}" ] || exit 0
for folder in "$@"; do
    kind load docker-image "localhost/fraud-detection/$(basename "$folder"):$tag" --name fraud
done
