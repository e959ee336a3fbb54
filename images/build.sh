#!/usr/bin/env bash
# Builds the images of this folder and prints their tag, alone, on standard output: build.sh [TAG]. Without TAG the tag is a hash of
# what goes into the images: the same content has the same tag, other content another one, and so Kubernetes restarts what changed.
# Builds with docker, podman or buildah, whichever works; or, where CLUSTER names a `cluster` script, with that one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

hash=$(find contract configuration producer spark_jobs requirements images -type f -not -path '*/__pycache__/*' -print0 |
    sort -z | xargs -0 sha256sum | sha256sum)
tag=${1:-dev-${hash:0:12}}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)

if [ -n "${CLUSTER:-}" ]; then
    "$CLUSTER" base-image >&2
    build=("$CLUSTER" build-image)
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

for dockerfile in images/*/Dockerfile; do
    image=$(basename "$(dirname "$dockerfile")")
    # The whole name: podman and buildah would put localhost before a short one, and Kubernetes would not find it.
    "${build[@]}" -t "docker.io/fraud-detection/$image:$tag" -f "$dockerfile" \
        --build-arg "VERSION=$version" --build-arg "REVISION=$revision" . >&2
done
echo "$tag"
