# Shared by the tests of the steward on real links; sourced by bash, as root: two network namespaces,
# a steward driven in one of them, and in the other a client that asks every 2 ms who has the
# address. Nothing leaves the namespaces.
# shellcheck shell=bash disable=SC2034  # much is read by those who source this
. "$(dirname "${BASH_SOURCE[0]}")/../real/lib.sh"

if [ "$(id -u)" -ne 0 ] || ! ip netns list >/dev/null 2>&1; then
    t_skip 'the steward in network namespaces (needs root)'
    exit 0
fi
NETNS=$BUILD/tests/netns
HOLDER=muster$$-holder CLIENT=muster$$-client
IP4=10.77.0.100 IP6=fd77::100 # vip 0 and vip 1
STEWARDS=()

end_namespaces() {
    local status=$? pid
    trap - EXIT
    for pid in "${STEWARDS[@]}"; do
        # It may have ended, and its number be another's.
        grep -q '^musterd:steward$\|^steward_driver$' "/proc/$pid/comm" && kill -9 "$pid"
    done 2>/dev/null
    ip netns del "$HOLDER"
    ip netns del "$CLIENT"
    (exit "$status")
    t_end
}
trap end_namespaces EXIT

h() { ip netns exec "$HOLDER" "$@"; }
c() { ip netns exec "$CLIENT" "$@"; }

make_link() {
    ip netns add "$HOLDER" && ip netns add "$CLIENT" &&
        ip link add vip0 netns "$HOLDER" type veth peer name cli0 netns "$CLIENT" &&
        ip -n "$HOLDER" addr add 10.77.0.1/24 dev vip0 &&
        ip -n "$CLIENT" addr add 10.77.0.2/24 dev cli0 &&
        ip -n "$HOLDER" link set vip0 up && ip -n "$CLIENT" link set cli0 up &&
        wait_for 5 eval '! ip -n "$HOLDER" addr | grep -q tentative'
}

# start_steward [VIP...]: a driver with those, or both addresses, and its steward; what it prints goes
# to $T/driver. Sets driver and steward to their pids, and what it is told goes to descriptor 7.
start_steward() {
    [ $# -gt 0 ] || set -- $IP4/32@vip0 $IP6/128@vip0
    rm -f "$T/requests" "$T/driver"
    mkfifo "$T/requests"
    # shellcheck disable=SC2086  # a command, or none
    STATE_DIR=$T ip netns exec "$HOLDER" ${unprivileged-} "$T/steward_driver" "$@" \
        <"$T/requests" >"$T/driver" 2>"$T/driver.err" &
    driver=$!
    exec 7>"$T/requests"
    wait_for 5 grep -q ready "$T/driver" || { t_fail 'the steward did not start'; exit 1; }
    steward=$(awk '$2 == "steward" { print $3 }' "$T/driver")
    STEWARDS+=("$driver" "$steward")
}
ask() { echo "$*" >&7; }
# end_steward: in peace.
end_steward() {
    ask quit
    exec 7>&-
    { wait "$driver"; } 2>/dev/null
}
told() { grep -q " $1 $2 .*${3-}" "$T/driver"; }
told_times() { [ "$(grep -c " $2 $3 " "$T/driver")" -eq "$1" ]; }
told_none() { ! told "$@"; }
# time_of WORD VIP: when it was last told so, in microseconds.
time_of() { awk -v word="$1" -v vip="$2" '$2 == word && $3 == vip { t = $1 } END { printf "%.0f\n", t }' "$T/driver"; }
# until_of VIP: the end of what was last asked for.
until_of() { awk -v vip="$1" '$2 == "until" && $3 == vip { t = $4 } END { printf "%.0f\n", t }' "$T/driver"; }
# hold VIP MS [OPTION...]: and waits until it is.
hold() {
    ask hold "$@"
    wait_for 3 told held "$1" || t_fail "vip $1 was not held: $(tail -n 3 "$T/driver")"
}

has() { ip -n "$HOLDER" -o addr show to "$1" | grep -q .; }
has_not() { ! has "$1"; }
# ended PID: the process that it was left to may take its time to reap it.
ended() { gone "$1" || grep -q '^State:[[:space:]]*Z' "/proc/$1/status"; }
fenced() { told ready 0 'flag 1'; }

now_us() { awk '{ printf "%.0f\n", $1 * 1000000 }' /proc/uptime; }
# watch IP, and unwatch: the client's answers, in $T/answers.
watch() {
    ip netns exec "$CLIENT" "$NETNS/link_watch" cli0 "$1" 2 >"$T/answers" 2>/dev/null &
    watcher=$!
}
unwatch() { { kill "$watcher"; wait "$watcher"; } 2>/dev/null; }
answered() { [ -s "$T/answers" ]; }
# last_answer_after TIME: by how many microseconds the last answer came after it; 0 or less is good.
last_answer_after() { awk -v t="$1" 'END { printf "%.0f\n", $1 ? $1 - t : -999999999 }' "$T/answers"; }
# longest_gap: between two answers, in microseconds.
longest_gap() { awk 'NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 } END { printf "%.0f\n", gap }' "$T/answers"; }
# at_most WHAT NUMBER LIMIT
at_most() {
    if [ "$2" -le "$3" ]; then t_pass "$1 ($2 us)"; else t_fail "$1: $2 us, at most $3"; fi
}

cp "$NETNS/steward_driver" "$T" || exit 2 # where everybody may run it
make_link || { t_fail 'the namespaces could not be made'; exit 1; }
