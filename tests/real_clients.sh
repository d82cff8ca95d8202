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
# What cannot be removed yet (a program that is still closing) decides nothing about the checks.
trap 'rm -rf -- "$work" || true' EXIT

# Versions are pinned, so that a red build means a change of ours.
packages="hubspot-api-client==12.0.0 urllib3==2.8.0"
# shellcheck source=/dev/null
. "$here/support/packages.sh"
install_packages clients "$work" "$packages"

timeout --foreground 240 "$venv/bin/python" "$here/real_clients.py" "$paceline" "$work"
