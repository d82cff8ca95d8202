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
# shellcheck source=/dev/null
. "$here/support/npm.sh"
install_npm pipedrive 33.7.0 "$work"

cat >"$work/faults.toml" <<'TOML'
[limits]
enforce = false

[auth]
token = "the-good-one"
TOML
start_simulator "$paceline" "$work" --as-of 2026-11-19T12:00:00Z simulate --vendor pipedrive --port 0 \
    --faults "$work/faults.toml"

NODE_PATH="$client/node_modules" timeout --foreground 240 node "$here/real_pipedrive.cjs" "$url" \
    the-good-one
