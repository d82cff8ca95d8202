#!/usr/bin/env bash
# Drives the simulated Marketo with marketorestpython from PyPI:
#   bash tests/real_marketo.sh target/release/paceline
#
# Everything listens on loopback only and ends with this script. PACELINE_TEST_CACHE names a directory
# that keeps the packages between runs.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: bash tests/real_marketo.sh PACELINE" >&2; exit 2; }
paceline=$(realpath -- "$1")
here=$(dirname -- "$(realpath -- "$0")")
work=$(mktemp -d)
trap 'rm -rf -- "$work" || true' EXIT

# Versions are pinned, so that a red build means a change of ours.
packages="marketorestpython==0.5.25 jsonschema==4.26.0"
# shellcheck source=/dev/null
. "$here/support/packages.sh"
install_packages marketo "$work" "$packages"

# The vendor's own description of its answers, which is no part of this repository.
specs="$here/../../shared/specs/marketo"
[ -d "$specs" ] || specs=/work/shared/specs/marketo
timeout --foreground 240 "$venv/bin/python" "$here/real_marketo.py" "$paceline" "$work" "$specs"
