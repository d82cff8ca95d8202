#!/usr/bin/env bash
# Drives the binary against mail and Slack servers that are not ours:
#   bash tests/real_sinks.sh target/release/paceline
#
# The mail server is aiosmtpd, the judges of Slack's messages are slack_sdk and the JSON schema of
# Block Kit, the judge of signatures is the library of Standard Webhooks. TLS with a private authority and an HTTPS proxy are tried for sources too. Everything listens on loopback only and ends with this script.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: bash tests/real_sinks.sh PACELINE" >&2; exit 2; }
paceline=$(realpath -- "$1")
here=$(dirname -- "$(realpath -- "$0")")
work=$(mktemp -d)
# What cannot be removed yet (a program that is still closing) decides nothing about the checks.
trap 'rm -rf -- "$work" || true' EXIT
# The private keys and the passwords of this run lie there.
chmod 700 "$work"

# Versions are pinned, so that a red build means a change of ours.
packages="aiosmtpd==1.4.6 slack_sdk==3.47.0 jsonschema==4.26.0 standardwebhooks==1.1.0"
# shellcheck source=/dev/null
. "$here/support/packages.sh"
install_packages sinks "$work" "$packages"

# A private authority, which no client trusts by itself, and a server certificate from it.
certificates() {
    local key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    # shellcheck disable=SC2086
    openssl req -x509 $key -days 2 -subj "/CN=Test authority" -keyout ca.key -out ca.pem
    # shellcheck disable=SC2086
    openssl req -new $key -subj "/CN=localhost" -keyout server.key -out server.csr
    printf '%s\n' "subjectAltName = IP:127.0.0.1, DNS:localhost, DNS:*.paceline.test" "basicConstraints = CA:FALSE" \
        "extendedKeyUsage = serverAuth" >server.ext
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
        -extfile server.ext -out server.pem
}
(cd "$work" && certificates) >"$work/openssl.log" 2>&1 || { cat "$work/openssl.log" >&2; exit 1; }

schema="$here/../../shared/specs/slack/block-kit.schema.json"
timeout --foreground 110 "$venv/bin/python" "$here/real_sinks.py" "$paceline" "$work" "$schema"
timeout --foreground 300 "$venv/bin/python" "$here/real_tls.py" "$paceline" "$work"
