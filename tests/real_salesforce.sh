#!/usr/bin/env bash
# Drives the simulated Salesforce with simple-salesforce from PyPI:
#   bash tests/real_salesforce.sh target/release/paceline
#
# Everything listens on loopback only and ends with this script. PACELINE_TEST_CACHE names a directory
# that keeps the packages between runs.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: bash tests/real_salesforce.sh PACELINE" >&2; exit 2; }
paceline=$(realpath -- "$1")
here=$(dirname -- "$(realpath -- "$0")")
work=$(mktemp -d)
trap 'rm -rf -- "$work" || true' EXIT

# Versions are pinned, so that a red build means a change of ours.
packages="simple-salesforce==1.12.10 cryptography==50.0.2"
# shellcheck source=/dev/null
. "$here/support/packages.sh"
install_packages salesforce "$work" "$packages"

timeout --foreground 240 "$venv/bin/python" "$here/real_salesforce.py" "$paceline" "$work"
