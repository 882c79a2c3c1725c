#!/usr/bin/env bash
# A pair of routers and a witness: an inside and an outside address with their routes and rules move
# together, whatever breaks. A client inside pings a server outside every 20 ms.
# MUSTER_BUILD: the folder with musterd, muster and tests/netns/oracle (default: build/gcc)
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"

OUT=192.0.2
rig_up 3
ip link add br1 type bridge
ip link set br1 up
# outside HOST NUMBER
outside() {
    ip link add "w-$1" type veth peer name eth1 netns "$1"
    ip link set "w-$1" master br1 up
    ip -n "$1" addr add "$OUT.$2/24" dev eth1
    ip -n "$1" addr add "fd78::$2/64" dev eth1 nodad
    ip -n "$1" link set eth1 up
}
ip netns add s
ip -n s link set lo up
outside s 250
for i in 1 2; do
    outside "h$i" "1$i"
    ip netns exec "h$i" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    # The way back of what a client sends is the router's, and not the one to the bridge it came by.
    ip netns exec "h$i" sysctl -qw net.ipv4.conf.all.rp_filter=0
done
ip -n c route add default via "$NET.100"
ip -n c -6 route add default via "${NET6}100"
ip -n s route add "$NET.0/24" via "$OUT.100"
ip -n s -6 route add "${NET6}/64" via fd78::100

vip="vip \"router\" {
    addresses = {\"$NET.100/24 dev eth0\", \"${NET6}100/64 dev eth0\",
                 \"$OUT.100/24 dev eth1\", \"fd78::100/64 dev eth1\"}
    routes = {\"198.51.100.0/24 via $OUT.250 table 100\", \"203.0.113.0/24 dev eth1 metric 50 mtu 1400\",
              \"2001:db8:9::/48 via fd78::250\"}
    rules = {\"from $NET.100 table 100\", \"from ::/0 fwmark 0x64/0xff table 100 priority 900\"}
    match = {\"router=yes\"}  lease = \"1s\" }"
for host in h1 h2 h3; do
    tags=yes
    [ "$host" = h3 ] && tags=no
    configure "$host" "tags = {\"router=$tags\"}
$(quorum_text)
$vip"
done

has_parts() { # HOST
    ip -n "$1" route show table 100 | grep -q '198.51.100.0/24 via' &&
        ip -n "$1" route show | grep -q '203.0.113.0/24 dev eth1 .*metric 50 mtu 1400' &&
        ip -n "$1" -6 route show | grep -q '2001:db8:9::/48 via fd78::250' &&
        ip -n "$1" rule show | grep -q "^1000:.*from $NET.100 lookup 100" &&
        ip -n "$1" -6 rule show | grep -q '^900:.*fwmark 0x64/0xff lookup 100'
}
has_none() { # HOST
    [ -z "$(ip -n "$1" route show table 100 2>/dev/null)" ] &&
        ! { ip -n "$1" route show && ip -n "$1" -6 route show && ip -n "$1" rule show && ip -n "$1" -6 rule show; } |
        grep -qE '203.0.113|2001:db8:9|lookup 100'
}
has_addresses() {
    carries "$1" "$NET.100" && carries "$1" "${NET6}100" && carries "$1" "$OUT.100" && carries "$1" fd78::100
}
has_no_address() {
    ! carries "$1" "$NET.100" && ! carries "$1" "${NET6}100" && ! carries "$1" "$OUT.100" && ! carries "$1" fd78::100
}
has_all() { has_addresses "$1" && has_parts "$1"; }
other_of() { if [ "$1" = h1 ]; then echo h2; else echo h1; fi; }
one_has_all() { for at in h1 h2; do has_all "$at" && has_no_address "$(other_of "$at")" && return 0; done; return 1; }
is_whole_at() { has_all "$1" && { ! runs "$(other_of "$1")" || has_none "$(other_of "$1")"; }; }

# Pings of both families; the longest gap of the worse one is left in gap_ms.
ping_start() {
    ip netns exec c ping -n -D -i 0.02 "$OUT.250" >"$T/pings" 2>&1 &
    pinger=$!
    ip netns exec c ping -6 -n -D -i 0.02 fd78::250 >"$T/pings6" 2>&1 &
    pinger6=$!
    wait_for 10 eval '[ "$(grep -c "bytes from" "$T/pings")" -ge 10 ] && [ "$(grep -c "bytes from" "$T/pings6")" -ge 10 ]'
}
gap_of() {
    awk '/bytes from/ { t = substr($1, 2) + 0; if (last && t - last > gap) gap = t - last; last = t }
         END { printf "%.0f", gap * 1000 }' "$1"
}
ping_stop() {

    sleep 1
    { kill -INT "$pinger" "$pinger6"; wait "$pinger" "$pinger6"; } 2>/dev/null
    four=$(gap_of "$T/pings") six=$(gap_of "$T/pings6")
    gap_ms=$((four > six ? four : six))
}
# gap WHAT BOUND
gap() {
    echo "# $1: $four ms without an answer by IPv4, $six ms by IPv6"
    t_check "$1: the gap is within $2 ms" [ "$gap_ms" -le "$2" ]
}

start h1 h2 h3
t_wait 'one router has all addresses, routes and rules' 15 one_has_all
first=$at second=$(other_of "$at")
t_check 'the other has none of them' has_none "$second"

# ---- somebody removes a part ----

ip -n "$first" route del 203.0.113.0/24 dev eth1
t_wait 'a route that somebody removes is put back' 1 has_all "$first"
ip -n "$first" rule del from "$NET.100" table 100
t_wait 'and a rule' 1 has_all "$first"
ip link set "w-$first" down
sleep 0.1
ip link set "w-$first" up
t_wait 'a link that is down for a moment takes nothing along for long' 2 has_all "$first"
sleep 2 # the neighbours' entries settle

# ---- moves ----

ping_start
m "$first" vip move router "$second" >/dev/null
t_wait 'all parts move together' 3 is_whole_at "$second"
ping_stop
gap 'planned move' 100

ping_start
ip link set "w-$second" down
t_wait 'the outside link of the holder dies: all parts are on the other' 5 is_whole_at "$first"
ping_stop
gap 'outside link' 1800
ip link set "w-$second" up

wait_for 10 eval 'm "$first" vip explain router | grep -q "$second, priority"'
ping_start
ip link set "v-$first" down
t_wait 'its inside link dies: all parts are on the other' 5 has_all "$second"
ping_stop
gap 'inside link' 1800
t_wait 'and none of them here' 5 has_no_address "$first"
ip link set "v-$first" up
t_wait 'not its routes either' 5 has_none "$first"

wait_for 10 eval 'm "$second" vip explain router | grep -q "$first, priority"'
ping_start
ip link set "v-$second" down
ip link set "w-$second" down
kill -9 "${PID[$second]}" "${STEWARD[$second]}"
t_wait 'its host dies: all parts are on the other' 5 has_all "$first"
ping_stop
gap 'host' 1800
reap_agent "$second" 2>/dev/null

# ---- a reload, and what is not ours ----

sed -i 's/ metric 50 mtu 1400/ metric 60/' "$T/$first/conf"
m "$first" reload
t_wait 'a reload changes a route in place' 2 eval 'ip -n "$first" route show | grep -q "203.0.113.0/24.*metric 60" && ! ip -n "$first" route show | grep -q "metric 50"'
t_check 'the addresses stay' has_addresses "$first"
ip -n "$first" route add 203.0.113.0/24 dev eth1 metric 70
kill_agent "$first" TERM
t_check 'an orderly end removes the addresses' has_no_address "$first"
t_check 'and the routes, but not one that somebody else has set' \
    [ "$(ip -n "$first" route show | grep -c 203.0.113)" -eq 1 ]
