#!/usr/bin/env bash
# Opens the status page in Chromium at two widths, light and dark:
#   bash tests/real_page.sh target/release/paceline [PICTURES]
#
# The page is that of `demo --serve`. With a folder for PICTURES, what was seen is kept there.
set -euo pipefail

[ $# -ge 1 ] && [ $# -le 2 ] || { echo "usage: bash tests/real_page.sh PACELINE [PICTURES]" >&2; exit 2; }
paceline=$(realpath -- "$1")
here=$(dirname -- "$(realpath -- "$0")")
pictures=${2:+$(mkdir -p -- "$2" && realpath -- "$2")}
work=$(mktemp -d)
# What cannot be removed yet (a program that is still closing) decides nothing about the checks.
trap 'rm -rf -- "$work" || true' EXIT

if ! command -v chromedriver >/dev/null || ! command -v chromium >/dev/null; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null ||
        ! { apt-get update && apt-get install -y --no-install-recommends chromium chromium-driver; } \
            >"$work/apt.log" 2>&1; then
        echo "SKIPPED: Chromium is not there and cannot be installed"
        exit 0
    fi
fi
timeout --foreground 240 python3 "$here/real_page.py" "$paceline" "$work" "$pictures"
