#!/usr/bin/env bash
# Drives the simulated Google Analytics and Search Console with Google's own clients from PyPI:
#   bash tests/real_google.sh target/release/paceline
#
# Everything listens on loopback only and ends with this script. PACELINE_TEST_CACHE names a directory
# that keeps the packages between runs.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: bash tests/real_google.sh PACELINE" >&2; exit 2; }
paceline=$(realpath -- "$1")
here=$(dirname -- "$(realpath -- "$0")")
work=$(mktemp -d)
trap 'rm -rf -- "$work" || true' EXIT
# The private key of this run lies there.
chmod 700 "$work"

# Versions are pinned, so that a red build means a change of ours.
packages="google-analytics-data==0.23.3 google-api-python-client==2.202.0 google-auth==2.63.0"
packages="$packages requests==2.34.2 cryptography==50.0.2 jsonschema==4.26.0"
# shellcheck source=/dev/null
. "$here/support/packages.sh"
install_packages google "$work" "$packages"

spec="$here/../../shared/specs/google/analyticsdata.v1beta.json"
[ -f "$spec" ] || spec=/work/shared/specs/google/analyticsdata.v1beta.json
timeout --foreground 240 "$venv/bin/python" "$here/real_google.py" "$paceline" "$work" "$spec"
