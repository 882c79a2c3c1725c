#!/usr/bin/env bash
# Priorities of hosts: the holder fails in some way, and the highest that lives has the address next.
# The host that failed comes back each time, so that the address goes to and fro between the best two.
#
# usage: tests/netns/priority.sh [RUNS [KIND...]]     (default: 2 of each kind; 100 for a judgement)
# MUSTER_BUILD: the folder with musterd, muster and tests/netns/oracle (default: build/gcc)
# PRIORITIES: those of h1, h2, ...; three to five
# shellcheck disable=SC2154

# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"

RUNS=${1:-2}
KINDS=(kill_both kill_agent link_cut sigterm drain)
[ $# -lt 2 ] || KINDS=("${@:2}")
read -ra PRIORITY <<<"${PRIORITIES:-150 100 50}"
GAP_MS=1500 # at lease 1s; on a machine that is busy with other things, twice as long and 300 ms

# ---- the faults, each given the holder, and what ends them ----

fault_kill_both() { { kill -9 "${STEWARD[$1]}" "${PID[$1]}" && reap_agent "$1"; } 2>/dev/null; }
fault_kill_agent() { kill_agent "$1"; }
fault_sigterm() { kill_agent "$1" TERM; }
fault_link_cut() { unplug "$1"; }
fault_drain() { m "$1" drain >/dev/null; }
end_fault() {
    plug "$1"
    if runs "$1"; then m "$1" undrain >/dev/null; else start "$1"; fi
}

# ---- one failover ----

# best_but HOST: the one of the highest priority among the others.
best_but() {
    local i best="" most=-1
    for ((i = 0; i < ${#HOSTS[@]}; i++)); do
        if [ "${HOSTS[i]}" != "$1" ] && [ "${PRIORITY[i]}" -gt "$most" ]; then
            best=${HOSTS[i]} most=${PRIORITY[i]}
        fi
    done
    echo "$best"
}
# A host counts as waiting that has told the holder so.
all_wait() {
    local waiting
    waiting=$(m "$1" -o json vip explain web | jq "first(.. | .waiting? | arrays) | length")
    [ "$waiting" -eq $((${#HOSTS[@]} - 1)) ]
}
# who_has_it_but HOST: who carries it, and says so.
who_has_it_but() {
    local host
    for host in $(others "$1"); do
        if is_held_by "$host"; then
            echo "$host"
            return 0
        fi
    done
    return 1
}

fail_over() { # KIND
    local at wanted got
    wait_for 15 is_steady || { wrong+=("not steady"); return; }
    at=$(holder) wanted=$(best_but "$at")
    wait_for 5 all_wait "$at" || wrong+=("not all wait")
    sleep "0.$((RANDOM % 900 + 100))"
    watch_begin "$VIP"
    "fault_$1" "$at"
    wait_for 10 is_elsewhere "$at" || { wrong+=("nobody has it"); return; }
    got=$(who_has_it_but "$at")
    [ "$got" = "$wanted" ] || wrong+=("$at -> $got, not $wanted")
    watch_end
    [ "${SEEN[dual]:-1}" -eq 0 ] || wrong+=("two answer")
    [ "${SEEN[gap_ms]:-0}" -le "$longest" ] || longest=${SEEN[gap_ms]}
    end_fault "$at"
}

rig_up "${#PRIORITY[@]}"
for ((i = 0; i < ${#HOSTS[@]}; i++)); do
    configure "${HOSTS[i]}" "$(quorum_text
        vip_text web "$VIP/32" "priority = ${PRIORITY[i]}")"
done
start "${HOSTS[@]}"
for kind in "${KINDS[@]}"; do
    wrong=() longest=0
    for ((run = 0; run < RUNS; run++)); do fail_over "$kind"; done
    said="$kind: ${#wrong[@]} of $RUNS went wrong, gap at most $longest ms (priorities ${PRIORITY[*]})"
    if [ ${#wrong[@]} -eq 0 ] && [ "$longest" -le $((2 * GAP_MS + 300)) ]; then
        t_pass "$said"
    else
        t_fail "$said"
        printf '  %s\n' "${wrong[@]}"
    fi
done
stop_all
