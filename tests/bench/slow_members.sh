#!/usr/bin/env bash
# Real agents on slow hosts: is a member declared failed that was never stopped?
#   1. a quarter of N agents is stopped for 16 s, runs for 0.1 s, and so on (a cell of Lifeguard's grid);
#   2. every core is kept busy by stress-ng, as many workers as make each agent wait for its turn.
# usage: slow_members.sh [N [SECONDS_OF_PAUSES [SECONDS_OF_STRESS]]]       default: 64 70 60
# MUSTER_BUILD: the folder with musterd (default: build/gcc). Runs in a network namespace of its own.
if [ -z "${MUSTER_IN_NETNS:-}" ]; then
    namespace=(unshare --net)
    [ "$(id -u)" -eq 0 ] || namespace=(unshare --map-root-user --net)
    MUSTER_IN_NETNS=1 exec "${namespace[@]}" "$0" "$@"
fi
. "$(dirname "$0")/../real/lib.sh"
n=${1:-64} pauses_s=${2:-70} stress_s=${3:-60}
ip link set lo up
command -v stress-ng >/dev/null || { echo "slow_members: stress-ng is missing" >&2; exit 1; }

all_see() {
    local i
    for ((i = 1; i <= n; i++)); do sees_count "n$i" alive "$n" || return 1; done
}
# failed_of PATTERN: how many agents' logs call members failed whose names match, as "count name".
failed_of() {
    sed -n 's/.*member-failed: \(n[0-9]*\) .*/\1/p' "$T"/*/log | grep -xE "$1" | sort | uniq -c
}
report() {
    local what=$1 pattern=$2 found
    found=$(failed_of "$pattern")
    echo "# $what: declared failed $(echo "$found" | awk '{ sum += $1 } END { print sum + 0 }') times"
    if [ -z "$found" ]; then t_pass "$what: none was declared failed"; else
        t_fail "$what: some were declared failed"
        echo "$found"
    fi
}
quiet_logs() { for ((i = 1; i <= n; i++)); do : >"$T/n$i/log"; done; }

start_agent n1 127.5.0.1
for ((i = 2; i <= n; i++)); do start_agent "n$i" "127.5.0.$i" -j 127.5.0.1; done
t_wait "$n agents: all see all" 60 all_see
sleep 3

slow=$((n / 4)) pids=()
for ((i = 1; i <= slow; i++)); do pids+=("${PID[n$i]}"); done
quiet_logs
end=$((SECONDS + pauses_s))
while [ "$SECONDS" -lt "$end" ]; do
    kill -STOP "${pids[@]}"
    sleep 16
    kill -CONT "${pids[@]}"
    sleep 0.1
done
report "$slow of $n stopped 16 s of every 16.1 for $pauses_s s, the others" \
    "n($(seq -s '|' $((slow + 1)) "$n"))"
echo "# the stopped ones themselves: $(failed_of "n($(seq -s '|' 1 "$slow"))" | awk '{ sum += $1 } END { print sum + 0 }') times"
t_wait 'afterwards all see all again' 30 all_see

sleep 3
quiet_logs
cores=$(nproc)
stress-ng --quiet --cpu $((2 * cores)) --timeout "${stress_s}s" >/dev/null &
stress=$!
wait "$stress"
report "every core busy for $stress_s s, all $n agents" 'n[0-9]+'
for ((i = 1; i <= n; i++)); do m "n$i" -o json info; done | jq -s -r \
    '"# stalls noticed: \([.[].stats.stalls // 0] | add) times, \([.[].stats.stalled_ms // 0] | add) ms in all"'
t_wait 'afterwards all see all' 30 all_see
