#!/usr/bin/env bash
# Installs the programs that pip and Maven cannot: Python's venv module, a JDK 17 or newer, Maven,
# PostgreSQL's server. Does nothing where they are there.
set -euo pipefail
PYTHON=${PYTHON:-python3}

missing=()
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || missing+=(python3)
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
java_major=$( { java -version 2>&1 || true; } | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
# The kernel is compiled: a JRE is not enough. Maven asks JAVA_HOME first.
[ "${java_major:-0}" -ge 17 ] && command -v "${JAVA_HOME:+$JAVA_HOME/bin/}javac" >/dev/null || missing+=(openjdk-17-jdk-headless)
command -v mvn >/dev/null || missing+=(maven)
# Debian keeps the server's programs off PATH.
command -v initdb >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || missing+=(postgresql)
[ ${#missing[@]} -eq 0 ] && exit 0

sudo=""
[ "$(id -u)" -eq 0 ] || sudo="sudo"
install="$sudo apt-get update && $sudo apt-get install --yes --no-install-recommends ${missing[*]}"
if ! command -v apt-get >/dev/null; then
    echo "error: this machine lacks ${missing[*]} (Debian's names). Install Python 3.11+, a JDK 17+, Maven and PostgreSQL, then run make again." >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ] && ! sudo --non-interactive true 2>/dev/null; then
    echo "error: this machine lacks ${missing[*]}. Type this line, then run make again:" >&2
    echo "  $install" >&2
    exit 1
fi
echo "Installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
$sudo apt-get install --yes -qq --no-install-recommends "${missing[@]}" >/dev/null
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "error: $PYTHON is older than 3.11. Install a newer Python and run: make PYTHON=/path/to/python3" >&2
    exit 1
}
