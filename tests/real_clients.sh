#!/usr/bin/env bash
# Drives the simulated vendors with the vendors' own clients, and then the binary against what those
# clients wrote:
#   bash tests/real_clients.sh target/release/paceline
#
# HubSpot's client is hubspot-api-client from PyPI. Everything listens on loopback only and ends
# with this script. PACELINE_TEST_CACHE names a directory that keeps the packages between runs.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: bash tests/real_clients.sh PACELINE" >&2; exit 2; }
paceline=$(realpath -- "$1")
here=$(dirname -- "$(realpath -- "$0")")
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cache=${PACELINE_TEST_CACHE:-$work/cache}
mkdir -p "$cache"
cache=$(realpath -- "$cache")

# Versions are pinned, so that a red build means a change of ours.
packages="hubspot-api-client==12.0.0 urllib3==2.8.0"
stamp=$(printf '%s' "$packages $(python3 --version)" | sha256sum | cut -c1-12)
venv="$cache/clients-$stamp"

if [ ! -e "$venv/installed" ]; then
    rm -rf -- "$venv"
    timeout 60 python3 -m venv "$venv"
    status=0
    # shellcheck disable=SC2086
    timeout 120 "$venv/bin/pip" install --disable-pip-version-check --retries 1 --timeout 15 \
        $packages >"$work/pip.log" 2>&1 || status=$?
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

timeout --foreground 240 "$venv/bin/python" "$here/real_clients.py" "$paceline" "$work"
