#!/usr/bin/env bash
# Three hosts and a client, in network namespaces: the host that has the floating address of
# three-nodes.conf dies, and another takes it; then it is moved on purpose. A client that pings it
# every 20 ms says what it noticed. As root; what is outside of the namespaces stays as it is.
#
# MUSTER_BUILD: the folder with musterd and muster (default: the tree that this stands in)
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath -m "${MUSTER_BUILD:-$top}")
cd "$top"

hosts=(db1 db2 db3)
vip=database address=10.0.0.100 # as in three-nodes.conf
begun=$SECONDS work=
declare -A agent=() steward=()

skip() {
    echo "skipped - failover-demo: $*"
    exit 0
}
fail() {
    echo "failover-demo: $*" >&2
    [ -z "$work" ] || tail -n 5 "$work"/*/log >&2 || true
    exit 1
}
# until_true SECONDS COMMAND...: polls every 20 ms.
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.02
    done
}

# ---- the network: a bridge in a namespace of its own, and a cable to it from each host ----

space() { echo "muster$$-$1"; }
plug_in() { # HOST ADDRESS
    ip netns add "$(space "$1")" &&
        ip link add eth0 netns "$(space "$1")" type veth peer name "$1" netns "$(space lan)" &&
        ip -n "$(space lan)" link set "$1" master br0 up &&
        ip -n "$(space "$1")" addr add "$2/24" dev eth0 &&
        ip -n "$(space "$1")" link set lo up &&
        ip -n "$(space "$1")" link set eth0 up
}
make_network() {
    ip netns add "$(space lan)" &&
        ip -n "$(space lan)" link add br0 type bridge &&
        ip -n "$(space lan)" link set br0 up &&
        plug_in db1 10.0.0.11 && plug_in db2 10.0.0.12 && plug_in db3 10.0.0.13 &&
        plug_in client 10.0.0.50
}
cut_cable() { ip -n "$(space lan)" link set "$1" down; }

# ---- the agents ----

# As on a host of that name, but for the folders.
start() {
    mkdir "$work/$1"
    ip netns exec "$(space "$1")" "$build/musterd" -c examples/three-nodes.conf -n "$1" \
        -r "$work/$1/run" -s "$work/$1/state" 2>"$work/$1/log" &
    agent[$1]=$!
}
is_steward() { grep -qx musterd:steward "/proc/$1/comm"; }
find_steward() {
    local pid children
    read -ra children <"/proc/${agent[$1]}/task/${agent[$1]}/children"
    for pid in "${children[@]}"; do
        if is_steward "$pid"; then steward[$1]=$pid; fi
    done
    [ -n "${steward[$1]-}" ]
}
kill_both() {
    { kill -9 "${agent[$1]}" "${steward[$1]}"; wait "${agent[$1]}"; } 2>/dev/null || true
}
# muster HOST COMMAND...: asks that host's agent, for 5 seconds at most.
muster() {
    local host=$1
    shift
    timeout 5 "$build/muster" -r "$work/$host/run" "$@"
}

# has HOST: it says that it has the address itself; one_has HOST...: one of them does, `at`.
has() { [ "$(muster "$1" vip list | awk -v vip="$vip" '$1 == vip { print $4 }')" = "$1" ]; }
one_has() {
    for at in "$@"; do
        if has "$at"; then return 0; fi
    done
    return 1
}
# waits HOLDER HOST: the holder knows that the host would take it.
waits() { muster "$1" vip explain "$vip" | grep -q "$2, priority"; }

# ---- the client ----

answers() { grep -c 'bytes from' "$work/pings" || true; }
has_answers() { [ "$(answers)" -ge "$1" ]; }
ping_begin() {
    ip netns exec "$(space client)" ping -n -D -i 0.02 "$address" >"$work/pings" 2>&1 &
    pinger=$!
    until_true 10 has_answers 10 || fail "the client has no answer from $address"
}
# Sets gap_ms: the longest time between two answers, of which 20 ms are its own. An answer is
# [1795300000.123456] 64 bytes from 10.0.0.100: icmp_seq=1 ttl=64 time=0.05 ms
ping_end() {
    until_true 10 has_answers $(($(answers) + 25)) || fail "the client has no answer from $address"
    { kill "$pinger"; wait "$pinger"; } 2>/dev/null || true
    gap_ms=$(awk '/bytes from/ {
            at = substr($1, 2) + 0
            if (last && at - last > gap) gap = at - last
            last = at
        }
        END { printf "%.0f", gap * 1000 }' "$work/pings")
}

# ---- the end, however it comes ----

# Stewards end by themselves when their agents have; by then their numbers may be others'.
end() {
    trap '' INT TERM
    # shellcheck disable=SC2046  # one argument a pid
    { kill -9 $(jobs -pr); wait; } 2>/dev/null || true
    for pid in "${steward[@]}"; do
        if is_steward "$pid"; then kill -9 "$pid"; fi
    done 2>/dev/null
    for name in "${hosts[@]}" client lan; do
        ip netns del "$(space "$name")" 2>/dev/null || true
    done
    rm -rf "$work"
}

# ---- what happens ----

[ "$(id -u)" -eq 0 ] || skip 'network namespaces need root'
for program in ip ping; do
    command -v "$program" >/dev/null || skip "no $program here (Debian: iproute2, iputils-ping)"
done
for program in musterd muster; do
    [ -x "$build/$program" ] || fail "$build/$program: not there; build first, or set MUSTER_BUILD"
done
work=$(mktemp -d "${TMPDIR:-/tmp}/muster.XXXXXX")
trap end EXIT
trap 'exit 130' INT TERM
unset NOTIFY_SOCKET WATCHDOG_USEC
make_network 2>"$work/error" || skip "no network namespaces here: $(head -n 1 "$work/error")"

echo "== three hosts, ${hosts[*]}, start"
for host in "${hosts[@]}"; do start "$host"; done
for host in "${hosts[@]}"; do
    until_true 10 find_steward "$host" || fail "$host did not start"
done
# A voter that starts is silent for as long as a lease lasts that it may have forgotten.
until_true 20 one_has "${hosts[@]}" || fail "nobody has $address"
first=$at
muster "$first" vip list

echo "== $first dies: its cable is cut, its agent and steward are killed"
living=()
for host in "${hosts[@]}"; do [ "$host" = "$first" ] || living+=("$host"); done
ping_begin
cut_cable "$first"
kill_both "$first"
until_true 20 one_has "${living[@]}" || fail "nobody took $address from $first"
second=$at
ping_end
died_ms=$gap_ms
muster "$second" vip list

third=${living[0]}
if [ "$third" = "$second" ]; then third=${living[1]}; fi
echo "== muster vip move $vip $third"
until_true 20 waits "$second" "$third" || fail "$third does not wait for $address"
ping_begin
muster "$second" vip move "$vip" "$third" || fail "$address did not move"
ping_end
muster "$third" vip list

echo "failover-demo: $first had $address and died: $second has it, $died_ms ms without an answer;" \
    "moved to $third: $gap_ms ms; $((SECONDS - begun)) s in all"
