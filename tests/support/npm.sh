# Installs a package from the npm registry into a folder of its own; sets `client` to it. Sourced by the scripts
# that drive simulators with clients of others; they end with a clear word where that cannot be done.

install_npm() { # PACKAGE VERSION WORK
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        echo "SKIPPED: there is no Node here"
        exit 0
    fi
    client="${PACELINE_TEST_CACHE:-$3/cache}/$1-$2"
    [ ! -e "$client/installed" ] || return 0
    rm -rf -- "$client"
    mkdir -p "$client"
    local status=0
    (cd "$client" && timeout 120 npm install --no-save --no-audit --no-fund --ignore-scripts \
        --fetch-retries 1 --fetch-timeout 15000 "$1@$2") >"$3/npm.log" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        local away='ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|network|proxy'
        if [ "$status" -eq 124 ] || grep -qE "$away" "$3/npm.log"; then
            echo "SKIPPED: the npm registry is out of reach"
            exit 0
        fi
        cat "$3/npm.log" >&2
        exit "$status"
    fi
    touch "$client/installed"
}

# Starts a simulator and waits for its address; sets `server` and `url`.
start_simulator() { # PACELINE WORK ARGUMENTS...
    local program=$1 folder=$2
    shift 2
    "$program" "$@" >"$folder/server.log" 2>&1 &
    server=$!
    for _ in $(seq 200); do
        url=$(sed -n 's/^simulated [a-z0-9-]* at //p' "$folder/server.log")
        [ -z "$url" ] || return 0
        kill -0 "$server" 2>/dev/null || { cat "$folder/server.log" >&2; exit 1; }
        sleep 0.1
    done
    echo "the simulator did not start" >&2
    exit 1
}
