#!/usr/bin/env bash
# Builds the images and loads them into the cluster in KUBECONFIG: with the program that CLUSTER names (`cluster build-image`), else with
# docker, into kind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
revision=$(git rev-parse HEAD)

options=(--build-arg "VERSION=$version" --build-arg "REVISION=$revision")
if [ -n "${CLUSTER:-}" ]; then
    # A network that signs what passes through it has certificates of its own. They are added to the base image, not to the Dockerfiles.
    authorities=/usr/local/share/ca-certificates
    if compgen -G "$authorities/*.crt" >/dev/null; then
        base=localhost/debian-with-own-authorities:bookworm-slim
        printf 'FROM debian:bookworm-slim\nCOPY *.crt %s/\nRUN update-ca-certificates\n' "$authorities" |
            "$CLUSTER" build-image -t "$base" -f /dev/stdin "$authorities"
        options+=(--build-context "debian:bookworm-slim=container-image://$base")
    fi
fi

for folder in images/spark images/producer tests/e2e/broker; do
    image=$(basename "$folder")
    name=fraud-detection/${image/broker/test-kafka}:$version
    if [ -n "${CLUSTER:-}" ]; then
        "$CLUSTER" build-image -t "docker.io/$name" "${options[@]}" -f "$folder/Dockerfile" .
    else
        docker build --quiet --tag "$name" "${options[@]}" --file "$folder/Dockerfile" .
        kind load docker-image "$name" --name "${KIND_CLUSTER:-kind}"
    fi
done
