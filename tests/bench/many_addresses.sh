#!/usr/bin/env bash
# One of three hosts in network namespaces holds many addresses: what that costs, whether all are
# renewed in time while every core is busy, and how long they are away when it dies. Prints; it
# judges nothing.
#
# usage: many_addresses.sh [ADDRESSES [SECONDS]]        (default: 200, 20)
# MUSTER_BUILD: the folder with musterd, muster and tests/netns/oracle (default: build/gcc)
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/../netns/lib.sh"
count=${1:-200} seconds=${2:-20}

many() { # PRIORITY
    local n
    for ((n = 1; n <= count; n++)); do
        vip_text "web$n" "10.77.$((4 + n / 250)).$((1 + n % 250))/32" "priority = $1  preempt = true"
    done
}
carried() { ip -n h1 -o addr show to 10.77.4.0/22 | grep -c 'eth0'; }
all_here() { [ "$(carried)" -eq "$count" ]; }
others_have_all() {
    local host sum=0
    for host in h2 h3; do sum=$((sum + $(ip -n "$host" -o addr show to 10.77.4.0/22 | grep -c eth0))); done
    [ "$sum" -eq "$count" ]
}
# In ticks of 10 ms, user and system.
cpu_of() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
kb_of() { awk '/^Pss:/ { print $2 }' "/proc/$1/smaps_rollup"; }
percent() { awk -v t="$1" -v s="$2" 'BEGIN { printf "%.1f", t / s }'; }
# over WHAT: both processes' share of a core.
over() {
    local agent steward
    agent=$(cpu_of "${PID[h1]}") steward=$(cpu_of "${STEWARD[h1]}")
    watch_begin 10.77.4.2
    sleep "$seconds"
    watch_end
    agent=$(($(cpu_of "${PID[h1]}") - agent)) steward=$(($(cpu_of "${STEWARD[h1]}") - steward))
    printf '%-34s agent %5s %%, steward %5s %% of a core; longest gap %s ms, moves %s, lost or late %s\n' \
        "$1" "$(percent "$agent" "$seconds")" "$(percent "$steward" "$seconds")" \
        "${SEEN[gap_ms]}" "${SEEN[moves]}" "$(grep -cE 'dropped: |vip-released' "$T/h1/log")"
}

rig_up 3
ip -n c route replace 10.77.0.0/16 dev eth0
configure h1 "$(quorum_text; many 200)"
for host in h2 h3; do configure "$host" "$(quorum_text; many 100)"; done
start "${HOSTS[@]}"
wait_for 30 all_here || { echo "many_addresses: h1 holds $(carried) of $count" >&2; exit 1; }
sleep 2
echo "$count addresses on one host, lease $LEASE"
printf '%-34s agent %s kB, steward %s kB (PSS)\n' memory "$(kb_of "${PID[h1]}")" "$(kb_of "${STEWARD[h1]}")"
over "quiet, $seconds s"
for ((core = 0; core < $(nproc); core++)); do
    (while :; do :; done) &
    busy[core]=$!
done
over "every core busy, $seconds s"
{ kill "${busy[@]}"; wait "${busy[@]}"; } 2>/dev/null
watch_begin 10.77.4.2
begun=$(now_ms)
kill_agent h1
wait_for 20 others_have_all
taken=$(($(now_ms) - begun))
sleep 1
watch_end
echo "its agent killed: all $count are held by others after $taken ms; of one the gap is ${SEEN[gap_ms]} ms"
