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

packages="httpx==0.28.1"
# shellcheck source=/dev/null
. "$here/../support/packages.sh"
install_packages first-load "$work" "$packages"

timeout --foreground 3000 "$venv/bin/python" "$here/first_load.py" "$paceline" "$work" "$contacts"
