#!/usr/bin/env bash
# The steward beside what else happens on a host: interfaces that come and go, addresses of the
# host's own, other programs. The vips of a driver are IP/PREFIX@INTERFACE, and interfaces that are
# tracked, after commas.
. "$(dirname "$0")/steward_lib.sh"

link() { ip -n "$HOLDER" link "$@"; }
addr() { ip -n "$HOLDER" addr "$@"; }
eligibility() { awk '$2 == "eligibility" { sub(/.* where /, ""); o = $0 } END { print o }' "$T/driver"; }
ineligible_because() { [[ "$(eligibility)" == *"$1" ]]; }
# is_eligible: the last line is a whole one, without an interface.
is_eligible() { [[ "$(eligibility)" == *'part 0 0'* ]]; }
has_own() { addr show dev vip0 | grep -q 'inet 10.77.0.1/24'; }
# first_own: the first IPv4 address of the interface, from which the kernel sends.
first_own() { [[ "$(addr show dev vip0 | awk '$1 == "inet" { print $2; exit }')" == 10.77.0.1/* ]]; }
source_to() { ip -n "$HOLDER" route get "$1" | sed -n 's/.* src \([^ ]*\).*/\1/p'; }
# begin VIP...: a steward that holds the first of them for long.
begin() {
    start_steward "$@"
    hold 0 60000
}
# pair NAME: an interface with a carrier, and its other end.
pair() { link add "$1" type veth peer name "p-$1" && link set "p-$1" up; }
pair_up() { pair "$1" && link set "$1" up; }

# ---- several addresses ----

all_or_none() {
    pair_up vip1
    start_steward "$IP4/32@vip0,$IP6/128@vip1,10.78.0.100/24@vip1"
    hold 0 60000
    t_check 'three addresses on two interfaces are held together' \
        eval "has $IP4 && has $IP6 && has 10.78.0.100"
    addr del "$IP6/128" dev vip1
    t_wait 'one that somebody removes is restored' 2 told restored 0
    t_check 'and is there' has "$IP6"
    ask drop 0
    t_wait 'they are dropped together' 2 told dropped 0 'why asked'
    t_check 'and all are gone' eval "has_not $IP4 && has_not $IP6 && has_not 10.78.0.100"
    addr add 10.78.0.100/32 dev vip1
    ask hold 0 60000
    t_wait 'one that is there already fails all, and is named' 2 told failed 0 'error EEXIST .*part 1 2'
    t_check 'nothing is left of the others' eval "has_not $IP4 && has_not $IP6"
    end_steward
    start_steward "$IP4/32@vip0,$IP6/128@vip1,10.78.0.101/24@vip1"
    h sysctl -q net.ipv6.conf.vip1.disable_ipv6=1
    ask hold 0 60000
    t_wait 'one that the kernel refuses fails all, and is named' 2 told failed 0 'error EACCES .*part 1 1'
    t_check 'the one before it is gone' has_not "$IP4"
    t_wait 'what is wrong is known before' 4 ineligible_because 'interface vip1 has IPv6 switched off (sysctl disable_ipv6)'
    end_steward
    link del vip1
}
an_address_elsewhere_on_this_host() {
    link set lo up
    addr add "$IP4/32" dev lo
    pair_up vip1
    addr add fe80::77/64 dev vip1 nodad
    begin "$IP4/32@vip0,fe80::77/64@vip0"
    t_check 'a single address on lo, and a link-local one of another interface, are in no way' \
        eval 'addr show dev vip0 | grep -q "$IP4/32" && addr show dev vip0 | grep -q fe80::77'
    ask drop 0
    t_wait 'dropped' 2 told dropped 0
    t_check 'they stay' eval 'addr show dev lo | grep -q "$IP4/32" && addr show dev vip1 | grep -q fe80::77'
    t_check 'and no other' eval '! addr show dev vip0 | grep -q "$IP4\|fe80::77"'
    end_steward
    addr del "$IP4/32" dev lo
    addr add "$IP4/24" dev vip1
    start_steward "$IP4/32@vip0"
    ask hold 0 1000
    t_wait 'an address on another interface is, which is named' 2 told failed 0 'error EEXIST .*part 1 0 where vip1'
    end_steward
    link del vip1
}

# ---- the host's own addresses ----

# As a client of DHCP does it at a renewal.
flush_and_add() {
    addr flush dev vip0
    sleep "0.0$((RANDOM % 5))"
    addr add 10.77.0.1/24 dev vip0
}
the_hosts_own_address_is_first_and_stays() {
    local n wrong=0
    begin "$IP4/24@vip0"
    for ((n = 0; n < 10; n++)); do
        flush_and_add
        wait_for 1 first_own || wrong=$((wrong + 1))
        wait_for 1 has "$IP4" || wrong=$((wrong + 1))
        [ "$(source_to 10.77.0.2)" = 10.77.0.1 ] || wrong=$((wrong + 1))
    done
    t_check "flushed and added again ten times: the host's own is the first, and what it sends from" \
        [ "$wrong" -eq 0 ]
    t_wait 'the restoration is reported' 1 told restored 0
    ip -n "$HOLDER" route add default via 10.77.0.2
    t_check 'also by the default route' [ "$(source_to 192.0.2.1)" = 10.77.0.1 ]
    ask drop 0
    t_wait 'it is dropped' 2 told dropped 0
    t_check "the host's own stays" has_own
    t_check 'its routes, too' [ "$(source_to 192.0.2.1)" = 10.77.0.1 ]
    ip -n "$HOLDER" route del default
    end_steward
}
# The others would go with a primary, where promote_secondaries is 0.
others_of_the_network_stay_when_one_goes() {
    addr flush dev vip0
    start_steward "$IP4/24@vip0" 10.77.0.101/24@vip0
    hold 0 60000
    hold 1 60000
    addr add 10.77.0.1/24 dev vip0
    ask drop 0
    t_wait 'the first of its network is dropped' 2 told dropped 0
    t_check "the host's own address stays" has_own
    t_check 'and the other vip' has 10.77.0.101
    ask hold 0 60000
    wait_for 2 has "$IP4"
    { kill -9 "$steward" "$driver"; wait "$driver"; } 2>/dev/null
    exec 7>&-
    start_steward "$IP4/24@vip0"
    t_check 'after kill -9, too' has_own
    end_steward
    addr flush dev vip0
    addr add 10.77.0.1/24 dev vip0
}
a_host_without_an_address_of_the_network_reaches_it() {
    pair_up out0
    begin 192.0.2.1/24@out0
    t_check 'a route to the network comes with the address' [ "$(source_to 192.0.2.9)" = 192.0.2.1 ]
    link set out0 down
    sleep 0.05
    link set out0 up
    t_wait 'and returns with the link' 1 eval '[ "$(source_to 192.0.2.9)" = 192.0.2.1 ]'
    addr add 192.0.2.5/24 dev out0
    t_wait "an address of the host's own takes its place" 1 eval '[ "$(source_to 192.0.2.9)" = 192.0.2.5 ]'
    t_wait 'and the route is removed' 1 eval '! ip -n "$HOLDER" route | grep -q "src 192.0.2.1 "'
    ask drop 0
    t_wait 'dropped' 2 told dropped 0
    t_check 'no route is left' eval '! ip -n "$HOLDER" route | grep -q 192.0.2.1'
    end_steward
    link del out0
}

# ---- interfaces ----

an_interface_that_is_made_later() {
    local begun
    start_steward 10.78.0.100/24@late0
    t_wait 'an interface that is not there is reported' 1 ineligible_because 'interface late0 is not there'
    begun=$(now_us)
    pair late0
    t_wait 'made, it is seen' 1 ineligible_because 'interface late0 is not up'
    link set late0 up
    t_wait 'and when it is up' 1 is_eligible
    at_most 'within milliseconds' $(($(now_us) - begun)) 300000
    hold 0 60000
    link set late0 name lan0
    t_wait 'renamed while it is held: given up' 1 told dropped 0 'why link'
    t_check 'and gone' has_not 10.78.0.100
    link property add dev lan0 altname late0
    t_wait 'found by its altname' 1 is_eligible
    hold 0 60000
    t_check 'and held on it' has 10.78.0.100
    link set lan0 netns "$CLIENT"
    t_wait 'moved to another namespace: given up' 1 told_times 2 dropped 0
    t_check 'why it is ineligible is told' ineligible_because 'interface late0 is not there'
    link del p-late0
    end_steward
}
an_interface_in_a_bridge() {
    pair_up nic0
    link add br0 type bridge
    start_steward 10.78.0.100/24@nic0
    hold 0 60000
    link set nic0 master br0
    t_wait 'put into a bridge while it is held: given up' 1 told dropped 0 'why link'
    t_check 'and why' ineligible_because 'interface nic0 is a port of a bridge or bond, and takes no packets itself'
    link set nic0 nomaster
    t_wait 'taken out of it, it is in order' 1 is_eligible
    end_steward
    link del br0
    link del nic0
}
an_interface_that_is_tracked() {
    link add br0 type bridge
    link add up0 type veth peer name up1 netns "$CLIENT"
    pair_up port0
    link set port0 master br0
    link set up0 master br0
    link set up0 up
    link set br0 up
    ip -n "$CLIENT" link set up1 up
    wait_for 2 eval 'link show br0 | grep -q LOWER_UP'
    start_steward 10.78.0.100/24@br0,up0
    hold 0 60000
    ip -n "$CLIENT" link set up1 down
    t_wait 'the uplink of a bridge is lost: given up' 3 told dropped 0 'why link'
    t_check 'the bridge itself has its carrier' eval 'link show br0 | grep -q LOWER_UP'
    t_check 'and why' ineligible_because 'tracked interface up0 has no carrier'
    ask hold 0 1000
    t_wait 'not held without it' 1 told failed 0 'error ENETDOWN .*part 4 0'
    ip -n "$CLIENT" link set up1 up
    t_wait 'it returns' 3 is_eligible
    link del up0
    t_wait 'it vanishes' 1 ineligible_because 'tracked interface up0 is not there'
    end_steward
    link del br0
    link del port0
}
a_link_that_flaps() {
    begin "$IP4/32@vip0"
    link set vip0 down
    sleep 0.1
    link set vip0 up
    t_wait 'a flap of a link is reported, as it takes routes along' 2 told restored 0 'why link'
    kill -STOP "$steward"
    link set vip0 down
    link set vip0 up
    kill -CONT "$steward"
    t_wait 'also one that was over before it was heard of' 2 told_times 2 restored 0
    t_check 'and nothing was dropped' told_none dropped 0
    end_steward
}

# ---- what was not heard of ----

many_changes() {
    local n
    for ((n = 0; n < 4000; n++)); do
        echo "addr add 10.$((90 + n / 250)).$((n % 250)).1/32 dev many0"
    done | ip -n "$HOLDER" -batch -
}
changes_that_were_lost() {
    pair_up many0
    begin "$IP4/32@vip0"
    kill -STOP "$steward"
    many_changes
    ip -n "$CLIENT" link set cli0 down
    sleep 1.2 # the kernel tells of links once a second at most
    addr flush dev many0
    kill -CONT "$steward"
    t_wait 'a lost link is noticed though nothing was heard of it' 2 told dropped 0 'why link'
    t_check 'the address is gone' has_not "$IP4"
    ip -n "$CLIENT" link set cli0 up
    end_steward
    link del many0
}

# ---- what others on the link are told, and say ----

# The client's entry of a neighbour says whether that is a router.
is_router_there() { ip -n "$CLIENT" -6 neigh show "$IP6" | grep -q router; }
an_advertisement_of_a_router() {
    h sysctl -qw net.ipv6.conf.vip0.forwarding=1
    ip -n "$CLIENT" -6 addr add fd77::2/64 dev cli0 nodad
    start_steward
    hold 1 60000
    sleep 1.8 # between two announcements after the takeover
    c ping -6 -c 1 -W 2 "$IP6" >"$T/ping" 2>&1
    t_check "the kernel's own advertisement is that of a router" is_router_there
    ask announce 1
    sleep 0.3
    t_check 'and so is an announcement: clients keep their default route' is_router_there
    end_steward
    h sysctl -qw net.ipv6.conf.vip0.forwarding=0
    ip -n "$CLIENT" -6 addr del fd77::2/64 dev cli0
}
# claim IP TAG...: ARP of a host that has the address, as a request and a reply, in that VLAN or in none.
claim() {
    # shellcheck disable=SC2016  # a program in another language
    c perl -e 'my ($ip, $tag) = @ARGV;
        open(my $f, "/sys/class/net/cli0/ifindex") or die; chomp(my $index = <$f>);
        socket(my $s, 17, 3, 0) or die "socket: $!";
        my $mac = "\x02\0\0\0\0\x77";
        for my $operation (1, 2) {
            my $frame = ("\xff" x 6) . $mac . ($tag ? pack("n n", 0x8100, $tag) : "") .
                pack("n n n C C n", 0x0806, 1, 0x0800, 6, 4, $operation) . $mac .
                pack("C4", split(/\./, $ip)) . ("\0" x 6) . pack("C4", split(/\./, $ip));
            send($s, $frame, 0, pack("S n i S C C a8", 17, 0x0806, $index, 1, 0, 6, "\xff" x 6)) or die "send: $!";
        }' "$@"
}
frames_of_another_network() {
    begin "$IP4/32@vip0"
    claim "$IP4" 5
    sleep 0.3
    claim "$IP4" 5
    sleep 0.3
    t_check 'a host of another VLAN that has the address is no conflict' told_none conflict 0
    t_check 'and it is held' has "$IP4"
    claim "$IP4"
    t_wait 'a host of this network is one' 2 told conflict 0
    sleep 0.3
    t_check 'its request and its reply are one conflict, which is defended' eval \
        'told_times 1 conflict 0 && told_none dropped 0 && has "$IP4"'
    claim "$IP4"
    t_wait 'the next is one too many' 2 told dropped 0 'why conflict'
    end_steward
}

# ---- what the rest of the host is told ----

guard_of() { cat "/proc/$steward/task/$steward/children"; }
lifetime() { addr show to "$IP4" | sed -n 's/.*valid_lft \([0-9]*\)sec.*/\1/p'; }
no_word_while_nothing_changes() {
    start_steward
    ask keep 0 900
    ask keep 1 900
    wait_for 3 told held 1
    fenced || { t_skip 'address events (no fence here)'; end_steward; return; }
    timeout 4 ip -n "$HOLDER" monitor address >"$T/events"
    t_check 'renewed for four seconds, no address event is told' [ ! -s "$T/events" ]
    t_check 'and both are held' eval "has $IP4 && has $IP6"
    t_check 'the kernel keeps them for long' [ "$(lifetime)" -gt 300 ]
    kill -9 "$(guard_of)"
    t_wait 'without the guard, no longer than it must' 2 eval '[ "$(lifetime)" -le 2 ]'
    t_check 'nor without the steward' eval 'kill -9 $steward $driver; sleep 3.5; has_not $IP4 && has_not $IP6'
    { wait "$driver"; } 2>/dev/null
    exec 7>&-
}
nothing_is_left_when_both_are_killed() {
    local end
    start_steward
    hold 0 1500
    hold 1 2500
    end=$(until_of 1)
    { kill -9 "$steward" "$driver"; wait "$driver"; } 2>/dev/null
    exec 7>&-
    t_check 'agent and steward killed: the addresses are there' eval "has $IP4 && has $IP6"
    t_wait 'each goes after its time' 4 has_not "$IP4"
    t_check 'and not before' has "$IP6"
    t_wait 'the other later' 4 has_not "$IP6"
    at_most 'a second after it' $(($(now_us) - end)) 1500000
    t_wait 'and then the fence' 1 eval '[ -z "$(h nft list ruleset)" ]'
}

for test in all_or_none an_address_elsewhere_on_this_host the_hosts_own_address_is_first_and_stays \
    others_of_the_network_stay_when_one_goes a_host_without_an_address_of_the_network_reaches_it \
    an_interface_that_is_made_later an_interface_in_a_bridge an_interface_that_is_tracked \
    a_link_that_flaps changes_that_were_lost an_advertisement_of_a_router frames_of_another_network \
    no_word_while_nothing_changes \
    nothing_is_left_when_both_are_killed; do
    $test
done
