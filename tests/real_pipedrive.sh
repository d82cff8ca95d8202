#!/usr/bin/env bash
# Drives the simulated Pipedrive with the vendor's own client:
#   bash tests/real_pipedrive.sh target/release/paceline
#
# The client is `pipedrive` from the npm registry. Everything listens on loopback only and ends with
# this script. PACELINE_TEST_CACHE names a directory that keeps the package between runs.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: bash tests/real_pipedrive.sh PACELINE" >&2; exit 2; }
paceline=$(realpath -- "$1")
here=$(dirname -- "$(realpath -- "$0")")
work=$(mktemp -d)
server=
# What cannot be removed yet (a program that is still closing) decides nothing about the checks.
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf -- "$work" || true' EXIT

# The version is pinned, so that a red build means a change of ours.
version=33.7.0
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "SKIPPED: there is no Node here"
    exit 0
fi
cache=${PACELINE_TEST_CACHE:-$work/cache}
client="$cache/pipedrive-$version"
if [ ! -e "$client/installed" ]; then
    rm -rf -- "$client"
    mkdir -p "$client"
    status=0
    (cd "$client" && timeout 120 npm install --no-save --no-audit --no-fund --ignore-scripts \
        --fetch-retries 1 --fetch-timeout 15000 "pipedrive@$version") >"$work/npm.log" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        away='ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|network|proxy'
        if [ "$status" -eq 124 ] || grep -qE "$away" "$work/npm.log"; then
            echo "SKIPPED: the npm registry is out of reach"
            exit 0
        fi
        cat "$work/npm.log" >&2
        exit "$status"
    fi
    touch "$client/installed"
fi

cat >"$work/faults.toml" <<'TOML'
[limits]
enforce = false

[auth]
token = "the-good-one"
TOML
"$paceline" --as-of 2026-11-19T12:00:00Z simulate --vendor pipedrive --port 0 \
    --faults "$work/faults.toml" >"$work/server.log" 2>&1 &
server=$!
for _ in $(seq 200); do
    url=$(sed -n 's/^simulated pipedrive at //p' "$work/server.log")
    [ -z "$url" ] || break
    kill -0 "$server" 2>/dev/null || { cat "$work/server.log" >&2; exit 1; }
    sleep 0.1
done
[ -n "$url" ] || { echo "the simulator did not start" >&2; exit 1; }

NODE_PATH="$client/node_modules" timeout --foreground 240 node "$here/real_pipedrive.cjs" "$url" \
    the-good-one
