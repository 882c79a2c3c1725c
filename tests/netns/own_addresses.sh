#!/usr/bin/env bash
# The addresses of the hosts themselves: they come after the start, change while the agents run, and
# are not the first in the kernel's list.
# MUSTER_BUILD: the folder with musterd, muster and tests/netns/oracle (default: build/gcc)
# shellcheck source=tests/netns/lib.sh
. "$(dirname "$0")/lib.sh"

ip link set lo up
ip link add br0 type bridge
ip link set br0 up

# bare_host NAME: a namespace whose first interfaces are those of containers, of a BMC without a
# gateway, and of a card without a cable; then eth0, on the bridge, without an address.
bare_host() {
    HOSTS+=("$1")
    ip netns add "$1"
    ip -n "$1" link set lo up
    ip -n "$1" link add docker0 type bridge
    ip -n "$1" link add v0 type veth peer name v1
    ip -n "$1" link set v0 master docker0 up
    ip -n "$1" link set v1 up
    ip -n "$1" addr add 172.17.0.1/16 dev docker0
    ip -n "$1" link set docker0 up
    ip -n "$1" link add bmc0 type veth peer name bmc1
    ip -n "$1" addr add 169.254.3.1/16 dev bmc0
    ip -n "$1" link set bmc0 up
    ip -n "$1" link set bmc1 up
    ip -n "$1" link add empty0 type veth peer name empty1
    ip -n "$1" addr add 192.168.9.1/24 dev empty0
    ip -n "$1" link set empty0 up # its peer is down: no carrier
    rig_port "$1" eth0 "v-$1"
}
# file HOST LINE...
file() {
    mkdir -p "$T/$1"
    printf 'name = "%s"  cluster = "rig"\n' "$1" >"$T/$1/conf"
    shift
    printf '%s\n' "$@" >>"$T/${HOSTS[-1]}/conf"
}
at() { ip -n "$1" addr add "$NET.$2/24" dev eth0; }
address_of() { m "$1" members --format '{name} {addr}\n' | awk -v name="$2" '$1 == name { print $2 }'; }
knows() { [ "$(address_of "$1" "$2")" = "$3" ]; }
all_see_all() {
    local host
    for host in "${HOSTS[@]}"; do
        [ "$(m "$host" members --status alive --format '{name}\n' | wc -l)" -eq "${#HOSTS[@]}" ] || return 1
    done
}
list="join = {\"$NET.1\", \"$NET.2\", \"$NET.3\"}"

# ---- without bind: the address that members are reached from, and no other ----

for i in 1 2 3; do
    bare_host "h$i"
    at "h$i" "$i"
    file "h$i" "$list"
done
start h1 h2 h3
t_wait 'hosts with docker0, link-local and unplugged interfaces first form a cluster' 10 all_see_all
for i in 1 2 3; do t_check "h$i is known by the address that reaches it" knows h1 "h$i" "$NET.$i"; done

# ---- the address changes ----

ip -n h2 addr flush dev eth0
at h2 22
t_wait 'a new address is known to the others within seconds' 5 knows h1 h2 "$NET.22"
t_wait 'to all of them' 5 knows h3 h2 "$NET.22"
t_check 'it is an update, and no failure' eval '! log_has h1 "member-failed" && log_has h1 "member-update: h2 $NET.22"'
t_wait 'and all are alive' 10 all_see_all
stop_all

# ---- all start before DHCP has answered ----

for i in 1 2 3; do ip -n "h$i" addr flush dev eth0; rm -rf "$T/h$i/state"; : >"$T/h$i/log"; done
start h1 h2 h3
t_wait 'an agent without an address runs' 5 m h1 info
sleep 1
for i in 1 2 3; do at "h$i" "$i"; done
t_wait 'hosts that get their addresses after the start form a cluster' 10 all_see_all
for i in 1 2 3; do t_check "h$i is known by its address" knows h1 "h$i" "$NET.$i"; done
stop_all

# ---- bind to an address that comes later ----

for bind in "$NET.1" "$NET.0/24" eth0; do
    ip -n h1 addr flush dev eth0
    : >"$T/h1/log"
    printf 'name = "h1"  cluster = "rig"  bind = "%s"\n%s\n' "$bind" "$list" >"$T/h1/conf"
    start h1 h2
    t_wait "bind = $bind: an agent without that address runs, and says that it waits" 5 log_has h1 'waits for it'
    t_check 'and answers' m h1 members
    sleep 0.5
    at h1 1
    begun=$(now_ms)
    t_wait 'it listens once the host has the address' 2 sees h2 h1 alive
    echo "# a member $(($(now_ms) - begun)) ms after the address was there"
    t_check 'under that address' knows h2 h1 "$NET.1"
    kill_agent h1
    kill_agent h2
    rm -rf "$T"/h?/state
done
