#!/usr/bin/env bash
# Debian's keepalived and muster, one after the other on the same three hosts in network namespaces:
# the same faults of the host that has the address, watched by the same oracle. Prints a table; it
# judges nothing. On a quiet machine.
#
# usage: versus_keepalived.sh [ROUNDS]        (of each fault; the longest gap is shown; default 1)
# MUSTER_BUILD: the folder with musterd, muster and tests/netns/oracle (default: build/gcc)
if ! command -v keepalived >/dev/null; then
    echo "versus_keepalived: keepalived is missing (apt-get install keepalived)" >&2
    exit 1
fi
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/../netns/lib.sh"
rounds=${1:-1}
SETTLE_S=6 # after a fault: what comes late is seen too
faults='link_cut silent kill_parent kill_all stop partition one_way_out one_way_in move end'
peers='keepalived-1s keepalived-0.1s muster-1s muster-300ms'
declare -A CELL=()

# ---- each of them: prepare, pids of a host, planned move, end ----

keepalived_conf() { # HOST ADVERT PRIORITY
    cat <<CONF
global_defs {
    router_id $1
    vrrp_version 3
    vrrp_garp_master_delay 1
}
vrrp_instance web {
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id 77
    priority $3
    advert_int ${2%s}
    unicast_src_ip $NET.${1#h}
    unicast_peer {
$(for other in $(others "$1"); do echo "        $NET.${other#h}"; done)
    }
    virtual_ipaddress {
        $VIP/32 dev eth0
    }
}
CONF
}
keepalived_start() {
    ip netns exec "$1" keepalived --dont-fork --log-console --vrrp -f "$T/$1/keepalived.conf" \
        -p "$T/$1/pid" -r "$T/$1/vrrp.pid" >>"$T/$1/log" 2>&1 &
    PID[$1]=$!
}
keepalived_pids() { echo "${PID[$1]} $(children "${PID[$1]}")"; }
# It has no command for that: a lower priority would need preemption, so the holder ends, and is
# started again, as its users do.
keepalived_move() { kill -TERM "${PID[$1]}"; }

muster_start() { start "$1"; }
muster_pids() { echo "${PID[$1]} ${STEWARD[$1]}"; }
muster_move() { m "$1" vip move web "$(others "$1" | head -n 1)" >/dev/null; }

children() { cat "/proc/$1/task/$1/children" 2>/dev/null; }

# use PEER: all hosts run it.
use() {
    local host priority=150
    program=${1%-*}
    for host in "${HOSTS[@]}"; do
        rm -rf "${T:?}/$host"
        mkdir -p "$T/$host"
        case $1 in
        keepalived-*)
            priority=$((priority - 10))
            keepalived_conf "$host" "${1#*-}" "$priority" >"$T/$host/keepalived.conf"
            ;;
        muster-*)
            LEASE=${1#*-}
            configure "$host"
            ;;
        esac
    done
    for host in "${HOSTS[@]}"; do "${program}_start" "$host"; done
}
end_all() {
    local host pid pids=()
    for host in "${HOSTS[@]}"; do
        [ -n "${PID[$host]-}" ] || continue
        # Whoever has lost its parent is found by the namespace that it is in.
        for pid in $(ip netns pids "$host"); do pids+=("$pid"); done
    done
    [ ${#pids[@]} -gt 0 ] || return 0
    { kill -CONT "${pids[@]}"; kill -9 "${pids[@]}"; } 2>/dev/null
    wait_for 5 all_gone "${pids[@]}"
    PID=() STEWARD=()
    for host in "${HOSTS[@]}"; do
        while carries "$host"; do ip -n "$host" addr flush to "$VIP" dev eth0; done
        ip netns exec "$host" nft flush ruleset
    done
}

# ---- the faults, given the host that has it ----

fault_link_cut() { unplug "$1"; }
fault_silent() { sever "$1" "${HOSTS[@]}" c; }
fault_kill_parent() { kill -9 "${PID[$1]}"; }
# shellcheck disable=SC2046,SC2086  # pids
fault_kill_all() { kill -9 $("${program}_pids" "$1"); }
# shellcheck disable=SC2086
fault_stop() {
    local pids
    pids=$("${program}_pids" "$1")
    kill -STOP $pids
    sleep 4
    kill -CONT $pids
}
fault_partition() { sever "$1" "${HOSTS[@]}"; }
fault_one_way_out() { one_way cut "$1" "${HOSTS[@]}"; }
fault_one_way_in() { for host in $(others "$1"); do one_way cut "$host" "$1"; done; }
fault_move() { "${program}_move" "$1"; }
fault_end() { kill -TERM "${PID[$1]}"; }

has_one() { [ "$(carriers | wc -w)" -eq 1 ]; }

# measure PEER FAULT: one row of the oracle, as "gap dual moves".
measure() {
    local at
    use "$1"
    wait_for 20 has_one
    sleep 3
    at=$(carriers)
    watch_begin "$VIP"
    "fault_$2" "${at%% *}" 2>/dev/null
    sleep "$SETTLE_S"
    watch_end
    end_all
    mend
    echo "${SEEN[gap_ms]} ${SEEN[dual]} ${SEEN[dual_hosts]} ${SEEN[moves]}"
}

# In milliseconds of periods in which two had it, as far as the oracle saw.
cell() { # PEER FAULT
    local round gap dual hosts moves worst=0 most=0 jumps=0
    for ((round = 0; round < rounds; round++)); do
        read -r gap dual hosts moves < <(measure "$1" "$2" 2>/dev/null)
        if [ "${gap:-99999}" -gt "$worst" ]; then worst=${gap:-99999}; fi
        if [ "${hosts:-0}" -gt "${dual:-0}" ]; then dual=$hosts; fi
        if [ "${dual:-0}" -gt "$most" ]; then most=$dual; fi
        jumps=$((jumps + moves))
    done
    CELL[$1,$2]="$worst / $((most * 20)) / $jumps"
}

# In kB, of all processes of one host: the proportional set.
memory() {
    use "$1"
    wait_for 20 has_one
    sleep 2
    for pid in $(ip netns pids "$(carriers | cut -d ' ' -f 1)"); do cat "/proc/$pid/smaps_rollup"; done |
        awk '/^Pss:/ { sum += $2 } END { print sum + 0 }'
    end_all
}

rig_up 3
for peer in $peers; do
    for fault in $faults; do
        cell "$peer" "$fault"
        echo "# $peer $fault: ${CELL[$peer,$fault]}" >&2
    done
    CELL[$peer,memory]="$(memory "$peer" 2>/dev/null) kB"
done

echo "longest gap in ms / time in ms that two hosts had the address in use / moves; $rounds rounds, $(keepalived --version 2>&1 | head -n 1)"
printf '%-14s' fault
for peer in $peers; do printf ' %22s' "$peer"; done
echo
for row in $faults memory; do
    printf '%-14s' "$row"
    for peer in $peers; do printf ' %22s' "${CELL[$peer,$row]-?}"; done
    echo
done
