#!/usr/bin/env bash
# Builds the images of this folder, or of the folders named, and prints their tag, alone, on standard output: build.sh [TAG [FOLDER...]].
# Without TAG the tag is a hash of what goes into the images: the same content has the same tag, other content another one, and so
# Kubernetes restarts what changed. Builds with docker, podman or buildah, whichever works; or, where CLUSTER names a `cluster` script,
# with that one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

hash=$(find .mvn contract configuration kernel/jars.sha256 kernel/pom.xml kernel/src/main notifier producer quality requirements spark_jobs training watcher images -type f -not -path '*/__pycache__/*' -print0 |
    sort -z | xargs -0 sha256sum | sha256sum)
tag=${1:-dev-${hash:0:12}}
folders=("${@:2}")
[ "${#folders[@]}" -gt 0 ] || folders=(images/*/)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
# The trainer's image is made from the spark image of the same build, which comes before it in the alphabet.
options=(--build-arg "SPARK_IMAGE=localhost/fraud-detection/spark:$tag" --build-arg "VERSION=$version" --build-arg "REVISION=$revision")

if [ -n "${CLUSTER:-}" ]; then
    "$CLUSTER" base-image >&2
    build=("$CLUSTER" build-image)
    # A network that signs what passes through it has certificates of its own. They are added to the base image, not to the Dockerfiles.
    authorities=/usr/local/share/ca-certificates
    if compgen -G "$authorities/*.crt" >/dev/null; then
        base=localhost/debian-with-own-authorities:bookworm-slim
        printf 'FROM debian:bookworm-slim\nCOPY *.crt %s/\nRUN update-ca-certificates\n' "$authorities" |
            "${build[@]}" -t "$base" -f /dev/stdin "$authorities" >&2
        options+=(--build-context "debian:bookworm-slim=container-image://$base")
    fi
    # What `make setup` has downloaded here is not downloaded again: pip and Maven get the caches of this machine. Hashes decide, as
    # without them, what is let in.
    mkdir -p "$HOME/.cache/pip" "$HOME/.m2/repository"
    options+=(--build-arg PIP_NO_CACHE_DIR= --volume "$HOME/.cache/pip:/root/.cache/pip"
        --volume "$HOME/.m2/repository:/root/.m2/repository")
elif docker info >/dev/null 2>&1; then
    build=(docker build)
elif podman info >/dev/null 2>&1; then
    build=(podman build --format docker)
elif command -v buildah >/dev/null; then
    build=(buildah build --layers --format docker)
else
    echo "error: there is no docker, podman or buildah that works here. Install one; docker and podman need their service to run." >&2
    exit 1
fi

for folder in "${folders[@]}"; do
    # The whole name, of a registry that nobody can have: a short one would be that of whoever registers it in a public registry, and
    # podman and buildah would put localhost before it anyway.
    "${build[@]}" -t "localhost/fraud-detection/$(basename "$folder"):$tag" -f "${folder%/}/Dockerfile" "${options[@]}" . >&2
done
echo "$tag"
