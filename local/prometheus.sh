#!/usr/bin/env bash
# Puts prometheus and promtool into a folder, where PATH has none: prometheus.sh FOLDER. They come out of Debian's package, whose
# signature apt checks. The package is unpacked and not installed: installed, it would start a service.
set -euo pipefail
folder=$1

PATH=$folder:$PATH
{ command -v prometheus && command -v promtool; } >/dev/null && exit 0
command -v apt-get >/dev/null || {
    echo "error: this machine lacks prometheus and promtool. Install Prometheus 2.42 or newer, then run make again." >&2
    exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder"

unpack() {
    cd "$work"
    chmod 755 . # apt downloads as a user of its own
    apt-get download --quiet --quiet prometheus
    dpkg-deb --fsys-tarfile prometheus_*.deb | tar --extract --directory "$folder" --strip-components=3 ./usr/bin/prometheus ./usr/bin/promtool
}

echo "Unpacking Debian's prometheus into $folder"
(unpack) 2>/dev/null || {
    $([ "$(id -u)" -eq 0 ] || echo sudo) apt-get update -qq # there were no package lists, or old ones
    (unpack)
}
