#!/usr/bin/env bash
# Drives the simulated Salesforce with jsforce from the npm registry, beside `real_salesforce.sh`:
#   bash tests/real_jsforce.sh target/release/paceline
#
# Everything listens on loopback only and ends with this script. PACELINE_TEST_CACHE names a directory
# that keeps the package between runs.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: bash tests/real_jsforce.sh PACELINE" >&2; exit 2; }
paceline=$(realpath -- "$1")
here=$(dirname -- "$(realpath -- "$0")")
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf -- "$work" || true' EXIT

# The version is pinned, so that a red build means a change of ours.
# shellcheck source=/dev/null
. "$here/support/npm.sh"
install_npm jsforce 3.10.4 "$work"

cat >"$work/faults.toml" <<'TOML'
[auth]
client_id = "key"
client_secret = "its-secret"
TOML
start_simulator "$paceline" "$work" --as-of 2026-11-19T12:00:00Z simulate --vendor salesforce --port 0 \
    --faults "$work/faults.toml"

NODE_PATH="$client/node_modules" timeout --foreground 240 node "$here/real_jsforce.cjs" "$url"
