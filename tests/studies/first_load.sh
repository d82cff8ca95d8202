#!/usr/bin/env bash
# How long a first load from HubSpot takes, beside a plain Python script that does the same:
#   bash tests/studies/first_load.sh target/release/paceline [CONTACTS]
#
# Both read from the same `paceline simulate` on loopback, without limits. The figures are for
# docs/PERFORMANCE.md. PACELINE_TEST_CACHE keeps the installed packages between runs.
set -euo pipefail

[ $# -ge 1 ] && [ $# -le 2 ] || {
    echo "usage: bash tests/studies/first_load.sh PACELINE [CONTACTS]" >&2
    exit 2
}
paceline=$(realpath -- "$1")
contacts=${2:-200000}
here=$(dirname -- "$(realpath -- "$0")")
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cache=${PACELINE_TEST_CACHE:-$work/cache}
mkdir -p "$cache"
cache=$(realpath -- "$cache")

packages="httpx==0.28.1"
stamp=$(printf '%s' "$packages $(python3 --version)" | sha256sum | cut -c1-12)
venv="$cache/first-load-$stamp"

if [ ! -e "$venv/installed" ]; then
    rm -rf -- "$venv"
    timeout 60 python3 -m venv "$venv"
    status=0
    timeout 120 "$venv/bin/pip" install --disable-pip-version-check --retries 1 --timeout 15 \
        "$packages" >"$work/pip.log" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        # Only a registry that does not answer is a reason to skip; all else is a fault to be seen.
        away='connection|timed out|name resolution|unreachable|proxy'
        if [ "$status" -eq 124 ] || grep -qiE "$away" "$work/pip.log"; then
            echo "SKIPPED: the Python registry is out of reach"
            exit 0
        fi
        cat "$work/pip.log" >&2
        exit "$status"
    fi
    touch "$venv/installed"
fi

timeout --foreground 3000 "$venv/bin/python" "$here/first_load.py" "$paceline" "$work" "$contacts"
