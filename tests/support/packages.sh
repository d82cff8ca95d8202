# Sourced by the scripts that drive servers and clients of others.
#
#   install_packages NAME WORK "package==1 other==2"
#
# puts the packages into a virtual environment and its path into $venv and $stamp. Without the Python
# registry it says SKIPPED and ends the script well; anything else that goes wrong is a fault to be seen.
# PACELINE_TEST_CACHE names a directory that keeps environments between runs.
install_packages() {
    local name=$1 work=$2 packages=$3 status=0
    cache=${PACELINE_TEST_CACHE:-$work/cache}
    mkdir -p "$cache"
    cache=$(realpath -- "$cache")
    stamp=$(printf '%s' "$packages $(python3 --version)" | sha256sum | cut -c1-12)
    venv="$cache/$name-$stamp"
    [ ! -e "$venv/installed" ] || return 0
    rm -rf -- "$venv"
    timeout 60 python3 -m venv "$venv"
    # shellcheck disable=SC2086
    timeout 120 "$venv/bin/pip" install --disable-pip-version-check --retries 1 --timeout 15 \
        $packages >"$work/pip.log" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        local away='connection|timed out|name resolution|unreachable|proxy'
        if [ "$status" -eq 124 ] || grep -qiE "$away" "$work/pip.log"; then
            echo "SKIPPED: the Python registry is out of reach"
            exit 0
        fi
        cat "$work/pip.log" >&2
        exit "$status"
    fi
    touch "$venv/installed"
}
