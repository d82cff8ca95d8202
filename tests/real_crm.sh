#!/usr/bin/env bash
# Drives the binary against a real CRM, Tryton, which PyPI installs:
#   bash tests/real_crm.sh target/release/paceline
#
# The server, its database and what the program under test writes lie in a temporary directory and
# end with this script. PACELINE_TEST_CACHE names a directory that keeps the installed packages and
# an empty database between runs (40 seconds less); PACELINE_TEST_KEEP=1 keeps the rest for a look.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: bash tests/real_crm.sh PACELINE" >&2; exit 2; }
paceline=$(realpath -- "$1")
here=$(dirname -- "$(realpath -- "$0")")
work=$(mktemp -d)
# The passwords of this run lie there.
chmod 700 "$work"
clean() {
    if [ -n "${PACELINE_TEST_KEEP:-}" ]; then echo "# kept: $work"; else rm -rf -- "$work" || true; fi
}
trap clean EXIT

# Versions are pinned, so that a red build means a change of ours.
packages="trytond==8.0.12 trytond_sale_opportunity==8.0.1 trytond_marketing_campaign==8.0.0"
# shellcheck source=/dev/null
. "$here/support/packages.sh"
install_packages tryton "$work" "$packages"
empty="$cache/tryton-$stamp.sqlite"

# A database with the modules activated and nothing in it but a user `admin`.
if [ ! -e "$empty" ]; then
    making="$work/making"
    mkdir "$making"
    printf '%s\n' "[database]" "uri = sqlite://" "path = $making" >"$making/trytond.conf"
    echo template-admin-password >"$making/password"
    # trytond-admin fills a database that is there and makes none.
    touch "$making/crm.sqlite"
    {
        TRYTONPASSFILE="$making/password" timeout 120 "$venv/bin/trytond-admin" \
            -c "$making/trytond.conf" -d crm --all --email admin@example.com
        timeout 240 "$venv/bin/trytond-admin" -c "$making/trytond.conf" -d crm \
            -u sale_opportunity marketing_campaign --activate-dependencies
    } >"$work/admin.log" 2>&1 || { cat "$work/admin.log" >&2; exit 1; }
    mv -- "$making/crm.sqlite" "$empty"
fi

timeout --foreground 900 "$venv/bin/python" "$here/real_crm.py" "$paceline" "$work" "$venv" "$empty"
