#!/usr/bin/env bash
# Faults, and what becomes of an address: each row breaks something for a holder, and asks the
# oracle (oracle.c) for how long a client was without an answer, whether two had the address at one
# time, and how often it moved.
#
# usage: tests/netns/faults.sh [--all | --list | ROW...]     (default: those that take seconds)
# MUSTER_BUILD: the folder with musterd, muster and tests/netns/oracle (default: build/gcc)
# MUSTER_EXACT=1: bounds as they are on a quiet machine; otherwise twice as long, and 300 ms

# In the order of what may happen; slow ones only with --all.
table='
two_holders           fast  the oracle sees it when two have the address, and when none has
link_cut              fast  the cable of the holder is pulled
link_silent           fast  its packets are lost, and nobody notices
link_cut_300ms        fast  the cable, with a lease of 300 ms
move                  fast  muster vip move
sigterm               fast  SIGTERM to the holder
sigterm_hook          fast  SIGTERM to the holder, whose hook takes a second, or hangs
drain                 fast  muster drain
kill_agent            fast  kill -9 of the agent
kill_both             fast  kill -9 of agent and steward
kill_steward          fast  kill -9 of the steward
kill_agent_restart    fast  kill -9 of the agent alone, and started at once
kill_restart          fast  kill -9 of both, and started at once
restart_both_3s       fast  kill -9 of both within a lease of three seconds, and started at once
restart_agent_3s      fast  kill -9 of the agent, and started at once
restart_both_move     fast  kill -9 of both, started at once, and muster vip move
restart_agent_move    fast  kill -9 of the agent, started at once, and muster vip move
stop_agent_short      fast  the agent is stopped for less than the lease
stop_steward_short    fast  the steward
stop_both_short       fast  both
stop_agent_long       fast  the agent is stopped for longer than the lease
stop_steward_long     fast  the steward
stop_both_long        fast  both
stop_steward_300ms    fast  the steward, with a lease of 300 ms
stop_agent_5s         slow  the agent, for half of a lease of five seconds
stop_often            slow  any of them, 25 times, at any moment
partition_minority    fast  the holder is cut off from the others, but not from the client
partition_majority    fast  another is cut off
partition_each        fast  all are cut off from each other
one_way_out           fast  what the holder says is lost
one_way_in            fast  what it is told is lost
one_way_long          slow  for half a minute
loss                  fast  30 % of all packets are lost
loss_long             slow  for a minute
duplicates            fast  packets come twice
witness_dead          fast  a voter that does not hold it is dead
boot_together         fast  all start at one time
mass_kill             fast  kill -9 of all, and all are started
mass_restart          fast  all end, and are started
clock_step            fast  the time of day steps by an hour, and back
resume                fast  the holder wakes up from a minute of sleep
disk_full             fast  the disk of the holder is full
read_only             fast  its state folder is read-only
descriptors           fast  its agent can open nothing more
memory                fast  its agent gets no more memory
starved               fast  every core is busy
starved_long          slow  for a minute
foreign_before        fast  a foreign host has the address before all start
foreign_later         fast  a foreign host takes it while it is held
foreign_silent        fast  another host takes the address later, and says nothing
removed_by_hand       fast  somebody removes the address
configured_by_hand    fast  somebody has configured it before
no_device             fast  its interface is gone
no_right              fast  the host that should take it may not
reloads               fast  20 reloads on a busy host
reload_hook           fast  the address that it holds is taken out of the configuration of a host
reload_vips           fast  addresses that come and go with reloads
vips_differ           fast  hosts with other lists of addresses
voters_differ         fast  a host with another list of voters
hung_hook             fast  a hook that never ends
blocked_log           fast  nobody reads what the agents log
vips_200              slow  200 addresses
second_link           fast  its holder has a second link to the same network
mac_change            fast  the MAC of the holder changes
dhcp_renewal          fast  a DHCP client flushes the interface of the holder, and adds its address again
link_bounce           fast  its link goes down and comes back
ipv6                  fast  an IPv6 address, and a pulled cable
ipv6_bounce           fast  an IPv6 address, and a link that comes back
udp_blocked           fast  UDP is dropped between all hosts
forged                fast  garbage, and forged, truncated and replayed packets
'
if [ "${1-}" = --list ]; then
    printf '%s' "${table#?}"
    exit 0
fi

# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/netns/rows_hosts.sh
. "$here/../netns/rows_hosts.sh"
# shellcheck source=tests/netns/rows_around.sh
. "$here/../netns/rows_around.sh"
# shellcheck source=tests/netns/rows_interfaces.sh
. "$here/../netns/rows_interfaces.sh"

all_rows() { awk -v slow="$1" 'NF && ($2 != "slow" || slow) { print $1 }' <<<"$table"; }

# ---- for the rows ----

# claim WHAT COMMAND...: it is wrong unless the command says yes.
claim() {
    local what=$1
    shift
    "$@" >/dev/null 2>&1 || WRONG+=("no: $what")
}

# fresh LEASE: agents without a past; the row configures what is special before with `special`.
fresh() {
    local host
    stop_all
    mend
    LEASE=$1 CLUSTER=
    for host in "${HOSTS[@]}"; do
        umount "$T/$host/state" 2>/dev/null
        rm -rf "${T:?}/$host/"*
        configure "$host"
    done
    unset WRAP
    declare -gA WRAP=()
    "${special:-:}"
    start "${HOSTS[@]}"
}
# standard LEASE: three that are steady, those of the row before if they are the same.
standard() {
    local host
    if [ "${CLUSTER-}" = "$1" ]; then
        mend
        for host in "${HOSTS[@]}"; do
            kill -CONT "${PID[$host]:-0}" "${STEWARD[$host]:-0}" 2>/dev/null
            runs "$host" || start "$host"
        done
    else
        special='' fresh "$1"
    fi
    claim 'all is well at first' wait_for 15 is_steady
    CLUSTER=$1
}

# begin: somebody holds it, AT, and the oracle watches.
begin() {
    AT=$(holder) || { WRONG+=('no: one holds it at first'); AT=h1; }
    watch_begin
}
watch_again() { watch_begin; }
# For what begins with nobody.
watch_begin_early() {
    ip netns exec c "$ORACLE" eth0 "$VIP" 0 "${HOSTS[@]}" >"$T/watch" 2>&1 &
    WATCH=$!
}

# judge BOUND MOVES_MIN MOVES_MAX: what the oracle has seen. BOUND: of the gap, in ms; -: none.
judge() {
    local bound=$1 allowed
    watch_end
    NUMBERS+="${NUMBERS:+; then }gap ${SEEN[gap_ms]-?} ms"
    [ "$bound" = - ] || NUMBERS+=" of $bound"
    NUMBERS+=", dual ${SEEN[dual]-?}, moves ${SEEN[moves]-?}"
    [ "${SEEN[late_ms]:-0}" -lt 10 ] || NUMBERS+=", the oracle itself late by ${SEEN[late_ms]} ms"
    claim 'the oracle has seen all of it' [ "${SEEN[probes]:-0}" -gt 0 ]
    claim "never two answer (${SEEN[dual]-?} times)" [ "${SEEN[dual]:-1}" -eq 0 ]
    claim "never two have it in use (${SEEN[dual_hosts]-?} times)" [ "${SEEN[dual_hosts]:-1}" -eq 0 ]
    claim "it moves $2 to $3 times" eval "[ ${SEEN[moves]:--1} -ge $2 ] && [ ${SEEN[moves]:--1} -le $3 ]"
    [ "$bound" != - ] || return 0
    allowed=$((bound * 2 + 300))
    [ -z "${MUSTER_EXACT:-}" ] || allowed=$bound
    claim "the gap is at most $allowed ms" [ "${SEEN[gap_ms]:-999999}" -le "$allowed" ]
}

# fails_over BOUND FAULT...: the fault, given the holder, and another has it, once.
fails_over() {
    local bound=$1
    shift
    begin
    "$@" "$AT"
    claim 'another takes it' wait_for 10 is_elsewhere "$AT"
    sleep 0.5
    claim 'and keeps it' is_elsewhere "$AT"
    judge "$bound" 1 1
}

# ---- all of them ----

run_row() {
    local begun=$SECONDS what
    what=$(awk -v row="$1" '$1 == row { $1 = $2 = ""; sub(/^ */, ""); print }' <<<"$table")
    WRONG=() NUMBERS='' SKIPPED='' special=''
    "row_$1"
    watch_end
    if [ -n "$SKIPPED" ]; then
        t_skip "$1: $what ($SKIPPED)"
    elif [ ${#WRONG[@]} -eq 0 ]; then
        t_pass "$1: $NUMBERS ($what; $((SECONDS - begun)) s)"
    else
        t_fail "$1: $NUMBERS ($what; $((SECONDS - begun)) s)"
        printf '  %s\n' "${WRONG[@]}"
        grep -v '^[a-z]' "$T/watch" | tail -n 20 | sed 's/^/  oracle: /'
        tail -qn 12 "$T"/h?/log | sort | sed 's/^/  /'
        CLUSTER=
    fi
}

rows=$(all_rows "")
if [ "${1-}" = --all ]; then
    rows=$(all_rows 1)
elif [ $# -gt 0 ]; then
    rows=$*
fi
for row in $rows; do
    declare -F "row_$row" >/dev/null || { echo "$row: no such row" >&2; exit 2; }
done
rig_up 3
for row in $rows; do run_row "$row"; done
stop_all
