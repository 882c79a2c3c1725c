# Shared by the tests with real processes; sourced by bash. Agents run under one mktemp -d folder,
# states are polled for with a deadline, and the end stops what was started, by its pid.
# MUSTER_BUILD: the folder with musterd and muster (default: build/gcc).
# shellcheck shell=bash
set -u

# As root, on a loopback of their own: tests that run beside each other do not meet.
if [ -z "${MUSTER_ALONE:-}" ] && [ "$(id -u)" -eq 0 ] && unshare --net true 2>/dev/null; then
    MUSTER_ALONE=1 exec unshare --net bash -c 'ip link set lo up && exec "$@"' - "$0" "$@"
fi

# Deadlines are backstops: what is waited for takes a few seconds, but machines are shared.
PATIENCE=6

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
BUILD=$(cd "${MUSTER_BUILD:-$top/build/gcc}" && pwd) || exit 2
T=$(mktemp -d "${TMPDIR:-/tmp}/muster.XXXXXX") || exit 2
chmod 755 "$T"
unset NOTIFY_SOCKET WATCHDOG_USEC
declare -A PID=()
failures=0

for program in "$BUILD/musterd" "$BUILD/muster"; do
    [ -x "$program" ] || { echo "$program: not there; build first" >&2; exit 2; }
done

t_end() {
    local status=$?
    trap - EXIT
    # shellcheck disable=SC2046  # one argument a pid
    { kill -9 $(jobs -pr); wait; } 2>/dev/null
    if [ "$failures" -gt 0 ] || [ "$status" -ne 0 ]; then
        tail -n 30 "$T"/*/log 2>/dev/null
    fi
    rm -rf "$T"
    [ "$failures" -eq 0 ] || exit 1
    exit "$status"
}
trap t_end EXIT
trap 'exit 130' INT TERM

t_pass() { echo "ok - $*"; }
t_fail() {
    echo "not ok - $*"
    failures=$((failures + 1))
}
t_skip() { echo "skipped - $*"; }

# t_check WHAT COMMAND...: passes if the command says yes; what it printed is shown otherwise.
t_check() {
    local what=$1 said
    shift
    if said=$("$@" 2>&1); then t_pass "$what"; else
        t_fail "$what"
        printf '  %s\n' "$*" "${said:0:2000}"
    fi
}

# wait_for SECONDS COMMAND...: asks again every 50 ms until yes; no after PATIENCE times as long.
wait_for() {
    local deadline=$(($(now_ms) + $1 * 1000 * PATIENCE))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(now_ms)" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

# t_wait WHAT SECONDS COMMAND...: wait_for, as a check.
t_wait() {
    local what=$1 begun
    begun=$(now_ms)
    shift
    if wait_for "$@"; then t_pass "$what ($(($(now_ms) - begun)) ms)"; else
        t_fail "$what"
        shift
        printf '  %s\n' "$*" "$("$@" 2>&1 | head -n 20)"
    fi
}

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

# start_agent NAME ADDR [OPTION...]: starts it in the background; wait_ready waits until it answers.
start_agent() {
    local name=$1 addr=$2
    shift 2
    mkdir -p "$T/$name"
    "$BUILD/musterd" -n "$name" -b "$addr" -r "$T/$name/run" -s "$T/$name/state" "$@" \
        >>"$T/$name/log" 2>&1 &
    PID[$name]=$!
}
wait_ready() { wait_for "${2:-10}" m "$1" info; }

# start_ready NAME ADDR [OPTION...]: both, or the test ends.
start_ready() {
    start_agent "$@"
    wait_ready "$1" || { t_fail "$1 did not start"; exit 1; }
}

# m NAME COMMAND...: muster, asking that agent.
m() {
    local name=$1
    shift
    "$BUILD/muster" -r "$T/$name/run" "$@"
}

# kill_agent NAME [SIGNAL]: sends the signal and reaps; its exit status is left in `exited`.
kill_agent() {
    { kill "-${2:-KILL}" "${PID[$1]}" && reap_agent "$1"; } 2>/dev/null
}
reap_agent() {
    wait "${PID[$1]}"
    # shellcheck disable=SC2034  # read by the tests
    exited=$?
    unset "PID[$1]"
}

# sees VIEWER NAME STATUS; sees_count VIEWER STATUS COUNT
sees() { [ "$(m "$1" members --format '{name} {status}\n' | grep "^$2 ")" = "$2 $3" ]; }
sees_count() { [ "$(m "$1" members --status "$2" --format '{name}\n' | wc -l)" -eq "$3" ]; }

# Follows an agent's events.sock into $T/NAME/events. Not inside t_check: it stays.
follow_events() {
    socat -u "UNIX-CONNECT:$T/$1/run/events.sock" "OPEN:$T/$1/events,creat,append" 2>/dev/null &
    wait_for 5 grep -q snapshot "$T/$1/events"
}

log_has() { grep -q -- "$2" "$T/$1/log"; }
gone() { ! kill -0 "$1" 2>/dev/null; }
