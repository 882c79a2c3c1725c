#!/usr/bin/env bash
# The ways between hosts: from where an agent answers, and paths that lose what is long; and what an
# address that changes costs. One row a fault; each has its own hosts h1, h2, h3 on one bridge.
#
# usage: tests/netns/network.sh [--list | ROW...]
# MUSTER_BUILD: the folder with musterd, muster and tests/netns/oracle (default: build/gcc)
# shellcheck disable=SC2154,SC2034

ROWS='no_address tentative rpc_later renewal answers_from answers_from_ipv6 seen_elsewhere shared small_path tiny_path'
if [ "${1-}" = --list ]; then
    tr ' ' '\n' <<<"$ROWS"
    exit 0
fi
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
HOSTS=(h1 h2 h3)

# ---- for the rows ----

# conf HOST [TEXT]: all join all, by number; TEXT: what else the file has.
conf() {
    local list
    list=$(joins)
    mkdir -p "$T/$1"
    printf 'name = "%s"  cluster = "rig"  join = {%s}\n%s\n' "$1" "${list%, }" "${2-}" >"$T/$1/conf"
}
here() { ip -n "$1" addr "$2" "$3" dev eth0 "${@:4}"; }
all_see_all() {
    local host
    for host in "${HOSTS[@]}"; do sees_count "$host" alive "${#HOSTS[@]}" || return 1; done
}
# address_of MEMBER VIEWER
address_of() { m "$2" members --format '{name} {addr}\n' | sed -n "s/^$1 //p"; }
has_address() { [ "$(address_of "$1" "$2")" = "$3" ]; }
# all_at NET: all publish their address there, and all see it.
all_at() {
    local host viewer
    for viewer in "${HOSTS[@]}"; do
        for host in "${HOSTS[@]}"; do has_address "$host" "$viewer" "$1.${host#h}" || return 1; done
    done
}

# ---- not there yet ----

row_no_address() {
    conf h1
    conf h2
    here h1 del "$NET.1/24"
    start h1 h2
    t_wait 'an agent without an address says that it waits for one' 5 \
        log_has h1 'no address yet that others could reach; waits for one'
    t_check 'as muster info does' eval "m h1 info | grep -q 'waits_for *this host has no address yet'"
    here h1 add "$NET.1/24"
    t_wait 'and is a member when it comes' 5 sees_count h2 alive 2
    t_wait 'and waits no more' 5 eval "! m h1 info | grep -q waits_for"
}
# An IPv6 address cannot be bound while the kernel looks whether another host has it.
row_tentative() {
    ip netns exec h1 sysctl -q net.ipv6.conf.eth0.accept_dad=1 net.ipv6.conf.eth0.dad_transmits=3
    here h2 add fd88::2/64 nodad
    mkdir -p "$T/h1" "$T/h2"
    echo 'name = "h1"  cluster = "rig"  bind = "fd88::1"  join = {"fd88::2"}' >"$T/h1/conf"
    echo 'name = "h2"  cluster = "rig"  bind = "fd88::2"' >"$T/h2/conf"
    here h1 add fd88::1/64
    start h1 h2
    t_check 'the address is tentative at the start' log_has h1 'this host does not have the address fd88::1'
    t_wait 'the agent is a member when it is not' 10 sees_count h2 alive 2
}
row_rpc_later() {
    configure h1 "control { rpc = \"$NET.77:7373\"  rpc_auth = \"secret\" }"
    start h1
    t_wait 'it waits for the address of rpc' 5 log_has h1 "does not have the address of $NET.77:7373 yet"
    here h1 add "$NET.77/24"
    t_wait 'and answers there when it comes' 2 ip netns exec h1 socat -u OPEN:/dev/null "TCP:$NET.77:7373"
}
row_renewal() {
    local host
    for host in "${HOSTS[@]}"; do
        conf "$host" "quorum { voters = {\"h1\", \"h2\", \"h3\"} }  $(vip_text web "$VIP/32")"
    done
    start h1 h2 h3
    t_wait 'all is well at first' 15 is_steady
    t_check 'at their addresses' all_at "$NET"
    follow_events h1
    here h3 del "$NET.3/24"
    here h3 add "$NET.33/24"
    t_wait 'the members know the new address' 10 eval "has_address h3 h1 $NET.33 && has_address h3 h2 $NET.33"
    t_wait 'as an update' 2 eval "grep -a member-update '$T/h1/events' | grep -qa h3"
    t_wait 'all see all' 10 all_see_all
    kill_agent h1
    t_wait 'its vote counts: one has the address without the third' 10 eval 'is_held_by h2 || is_held_by h3'
}

# ---- from where, and how much ----

# h1 is asked at an address of another network than the one it has first.
row_answers_from() {
    local i
    for i in 1 2 3; do here "h$i" add "10.88.0.$i/24"; done
    # Only answers from the address that was asked pass.
    ip netns exec h2 nft -f - <<'NFT'
table ip fw {
    chain in {
        type filter hook input priority 0; policy accept;
        ct state established,related accept
        meta l4proto udp drop
    }
}
NFT
    ip -n h1 route add 10.88.0.2/32 dev eth0 src "$NET.1"
    mkdir -p "$T/h1" "$T/h2"
    echo 'name = "h1"  cluster = "rig"  advertise = "10.88.0.1"' >"$T/h1/conf"
    echo 'name = "h2"  cluster = "rig"  bind = "10.88.0.2"  join = {"10.88.0.1"}' >"$T/h2/conf"
    start h1 h2
    t_wait 'two see each other' 10 sees_count h2 alive 2
    sleep 3
    t_check 'and datagrams pass' eval "! grep -q 'is UDP port 7949 blocked' '$T'/h[12]/log"
}
row_seen_elsewhere() {
    configure h1
    conf h2 "advertise = \"$NET.99\""
    start h1 h2
    t_wait 'an agent that publishes an address of nobody is told from where it is seen' 10 \
        log_has h2 "members see this one at $NET.2, and it publishes $NET.99"
    t_check 'and what to write' log_has h2 "write advertise = \"$NET.2\""
}
# The address that h1 publishes is on h2 too, as is the one of a bridge for containers on every host.
row_shared() {
    configure h1
    conf h2
    start h1 h2
    t_wait 'two see each other' 10 sees_count h2 alive 2
    ip -n h2 addr add "$NET.1/32" dev lo
    t_wait 'a host that has the address of another member says so' 5 \
        log_has h2 "$NET.1 is an address of this host, and another member publishes it"
}
row_answers_from_ipv6() {
    for i in 1 2; do
        here "h$i" add "fd88::$i/64" nodad
        here "h$i" add "fd99::$i/64" nodad
    done
    ip netns exec h2 nft -f - <<'NFT'
table ip6 fw {
    chain in {
        type filter hook input priority 0; policy accept;
        ct state established,related accept
        meta l4proto udp drop
    }
}
NFT
    ip -n h1 -6 route add fd88::2/128 dev eth0 src fd99::1
    mkdir -p "$T/h1" "$T/h2"
    echo 'name = "h1"  cluster = "rig"  bind = "::"  advertise = "fd88::1"' >"$T/h1/conf"
    echo 'name = "h2"  cluster = "rig"  bind = "fd88::2"  join = {"fd88::1"}' >"$T/h2/conf"
    start h1 h2
    t_wait 'two see each other' 10 sees_count h2 alive 2
    sleep 3
    t_check 'and datagrams pass' eval "! grep -q 'is UDP port 7949 blocked' '$T'/h[12]/log"
}
# 39 agents in h1, and one more behind a path that swallows what is long.
# swallow BYTES: what is longer is lost on the way to h2, and from there.
swallow() {
    nft -f - <<NFT
table bridge small {
    chain forward {
        type filter hook forward priority 0;
        iifname "v-h2" meta length gt $1 drop
        oifname "v-h2" meta length gt $1 drop
    }
}
NFT
}
forty() {
    local i
    for i in h1 h2; do ip -n "$i" link set eth0 gso_max_segs 1; done
    for ((i = 1; i <= 39; i++)); do
        here h1 add "$NET.$((100 + i))/32"
        ip netns exec h1 "$BUILD/musterd" -n "m$i" -b "$NET.$((100 + i))" -j "$NET.101" -T "pad=$(printf %0200d "$i")" \
            -r "$T/m$i/run" -s "$T/m$i/state" >"$T/m$i.log" 2>&1 &
    done
    t_wait '39 see each other' 20 sees_count m1 alive 39
    echo 'detect = "500ms"' >"$T/far.conf"
    ip netns exec h2 "$BUILD/musterd" -c "$T/far.conf" -n far -b "$NET.2" -j "$NET.101" -T "pad=$(printf %0200d 0)" \
        -r "$T/far/run" -s "$T/far/state" >"$T/far.log" 2>&1 &
}
row_small_path() {
    swallow 1280
    forty
    t_wait 'the joiner sees all' 10 sees_count far alive 40
    t_wait 'and all see the joiner' 10 all_forty
}
# Less than any path must carry: it cannot work, and is said.
row_tiny_path() {
    swallow 600
    forty
    t_wait 'what is lost is named' 40 grep -q 'loses packets of less than 1,280 bytes' "$T/far.log"
}
all_forty() {
    local i
    for ((i = 1; i <= 39; i++)); do sees_count "m$i" alive 40 || return 1; done
}

# ---- all of them ----

rows=${*:-$ROWS}
for row in $rows; do
    declare -F "row_$row" >/dev/null || { echo "$row: no such row" >&2; exit 2; }
done
HOSTS=()
begin_row() {
    ip link set lo up
    ip link add br0 type bridge
    ip link set br0 up
    for host in h1 h2 h3; do
        ip netns add "$host"
        ip -n "$host" link set lo up
        rig_port "$host" eth0 "v-$host"
        here "$host" add "$NET.${host#h}/24"
        HOSTS+=("$host")
    done
    rig_host c "$CLIENT_AT"
}
end_row() {
    local host
    stop_all
    # shellcheck disable=SC2046  # one argument a pid
    { kill -9 $(jobs -pr) && wait; } 2>/dev/null
    for host in h1 h2 h3 c; do
        ip link del "v-$host"
        ip netns del "$host"
    done
    ip link del br0
    nft flush ruleset
    rm -rf "${T:?}"/h? "${T:?}"/m* "$T"/far*
    HOSTS=()
    PID=()
}
for row in $rows; do
    echo "# $row"
    begin_row
    before=$failures
    "row_$row"
    [ "$failures" -eq "$before" ] || tail -qn 12 "$T"/*/log "$T"/far.log "$T"/m1.log 2>/dev/null | sed 's/^/  /'
    end_row
done
