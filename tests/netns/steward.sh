#!/usr/bin/env bash
# The steward on a real link.
. "$(dirname "$0")/steward_lib.sh"

# ---- what the tests say of each family ----

held_and_gone_at_its_time() {
    local vip=$1 ip=$2 end
    start_steward
    watch "$ip"
    hold "$vip" 1000 probe
    t_check "$ip: probed for at least 60 ms before it was held" \
        [ $(($(time_of held "$vip") - $(time_of until "$vip"))) -ge 60000 ]
    t_wait "$ip: it answers on the link" 1 answered
    t_wait "$ip: dropped without a renewal" 3 told dropped "$vip" 'why expired'
    end=$(until_of "$vip")
    t_check "$ip: not before its time" [ "$(time_of dropped "$vip")" -ge "$end" ]
    at_most "$ip: and removed soon after it" $(($(time_of dropped "$vip") - end)) 50000
    t_check "$ip: the kernel has it no more" has_not "$ip"
    sleep 0.2
    unwatch
    at_most "$ip: the last answer, after its time" "$(last_answer_after "$end")" 50000
    end_steward
}

# kill_driver: kill -9 of the agent alone.
kill_driver() {
    { kill -9 "$driver"; wait "$driver"; } 2>/dev/null
    exec 7>&-
}

kept_to_its_time_when_the_agent_is_killed() {
    local vip=$1 ip=$2 end
    start_steward
    watch "$ip"
    hold "$vip" 1500
    t_wait "$ip: it answers on the link" 1 answered
    end=$(until_of "$vip")
    kill_driver
    t_wait "$ip: kill -9 of the agent: the address goes at its time" 3 has_not "$ip"
    t_wait "$ip: and then the steward" 1 ended "$steward"
    sleep 0.2
    unwatch
    at_most "$ip: the last answer, after its time" "$(last_answer_after "$end")" 50000
    at_most "$ip: and before it" "$((-$(last_answer_after "$end")))" 50000
    at_most "$ip: the longest time without an answer" "$(longest_gap)" 100000
    t_check "$ip: the fence's tables are removed" [ -z "$(h nft list ruleset)" ]
}

gone_when_the_agent_ends_in_order() {
    local vip=$1 ip=$2 begun
    start_steward
    hold "$vip" 30000
    begun=$(now_us)
    end_steward
    t_check "$ip: the agent ends in order: the address goes at once" has_not "$ip"
    at_most "$ip: and the steward" $(($(now_us) - begun)) 300000
}

handed_over_when_the_agent_is_started_again() {
    local vip=$1 ip=$2 end old
    start_steward
    watch "$ip"
    hold "$vip" 3000
    end=$(until_of "$vip")
    old=$steward
    wait_for 1 answered
    kill_driver
    start_steward
    t_wait "$ip: the next steward has it" 1 told adopted "$vip" 'epoch 1'
    t_wait "$ip: the one before it has ended" 1 ended "$old"
    if fenced; then
        h nft list ruleset >"$T/ruleset"
        t_wait "$ip: it passes the fence" 1 eval 'h nft list ruleset | grep -q "$ip timeout"'
    fi
    hold "$vip" 3500
    t_check "$ip: it goes on by a HOLD" [ "$(until_of "$vip")" -gt "$end" ]
    t_wait "$ip: and is gone without another" 5 told dropped "$vip" 'why expired'
    t_check "$ip: at the time of that" [ "$(time_of dropped "$vip")" -ge "$(until_of "$vip")" ]
    sleep 0.2
    unwatch
    at_most "$ip: the longest time without an answer" "$(longest_gap)" 100000
    end_steward
}

handed_over_and_not_renewed() {
    local vip=$1 ip=$2 end
    start_steward
    hold "$vip" 1500
    end=$(until_of "$vip")
    kill_driver
    start_steward
    t_wait "$ip: handed over, and nobody renews it" 3 told dropped "$vip" 'why expired'
    at_most "$ip: it is gone at the time of its earlier life" $(($(time_of dropped "$vip") - end)) 50000
    t_check "$ip: gone" has_not "$ip"
    end_steward
}

ended_when_it_cannot_hand_over() {
    local vip=$1 ip=$2 old
    start_steward
    hold "$vip" 30000
    old=$steward
    kill -STOP "$old"
    kill_driver
    start_steward
    t_check "$ip: a stopped steward gives nothing" told_none adopted "$vip"
    t_check "$ip: and is killed" ended "$old"
    t_check "$ip: what it had is removed" has_not "$ip"
    end_steward
}

# Neither of them can do anything: the kernel does.
fenced_when_both_are_stopped() {
    local vip=$1 ip=$2 end late
    start_steward
    fenced || { t_skip "$ip: the fence (no nftables here)"; end_steward; return; }
    watch "$ip"
    ask keep "$vip" 900
    wait_for 3 told held "$vip"
    sleep 1.5
    kill -STOP "$driver" "$steward"
    end=$(until_of "$vip")
    t_check "$ip: it answers, being renewed" [ "$(last_answer_after "$end")" -gt -900000 ]
    sleep 1.1
    late=$(last_answer_after "$end")
    at_most "$ip: both stopped: the last answer, after its time" "$late" 50000
    t_check "$ip: but not long before it" [ "$late" -gt -250000 ]
    kill -CONT "$driver" "$steward"
    t_wait "$ip: continued, it is removed" 1 told dropped "$vip" 'why expired'
    sleep 0.5
    t_check "$ip: and not added again" has_not "$ip"
    t_check "$ip: held only once" told_times 1 held "$vip"
    unwatch
    at_most "$ip: no answer since either" "$(last_answer_after "$end")" 50000
    end_steward
}

stopped_alone_it_is_not_brought_back() {
    local vip=$1 ip=$2
    start_steward
    ask keep "$vip" 900
    wait_for 3 told held "$vip"
    kill -STOP "$steward"
    sleep 1.2
    t_check "$ip: the steward alone is stopped: its agent goes on" told_none lapsed "$vip"
    kill -CONT "$steward"
    t_wait "$ip: continued, it is removed first" 1 told dropped "$vip" 'why expired'
    t_wait "$ip: and renewals that waited do not bring it back" 1 told failed "$vip" 'error ESTALE'
    sleep 0.3
    t_check "$ip: nor later" has_not "$ip"
    end_steward
}

removed_by_the_kernel_when_both_stay_stopped() {
    local vip=$1 ip=$2
    start_steward
    hold "$vip" 500
    kill -STOP "$driver" "$steward"
    t_wait "$ip: both stay stopped: the kernel removes it" 4 has_not "$ip"
    kill -CONT "$driver" "$steward"
    t_wait "$ip: continued, they find it gone" 1 told dropped "$vip" 'why expired'
    sleep 0.2
    t_check "$ip: and leave it so" has_not "$ip"
    t_check "$ip: it was not put back in between" told_none restored "$vip"
    end_steward
}

restored_when_deleted_by_hand() {
    local vip=$1 ip=$2 prefix=$3
    start_steward
    hold "$vip" 10000
    watch "$ip"
    wait_for 1 answered
    sleep 0.2
    ip -n "$HOLDER" addr del "$ip/$prefix" dev vip0
    t_wait "$ip: deleted by hand, it is restored" 1 told restored "$vip"
    sleep 0.2
    ip -n "$HOLDER" addr replace "$ip/$prefix" dev vip0
    t_wait "$ip: replaced by hand, it is ours again" 1 \
        told_times 2 restored "$vip"
    sleep 0.2
    unwatch
    at_most "$ip: the longest time without an answer" "$(longest_gap)" 100000
    ask drop "$vip"
    t_wait "$ip: dropped when asked" 1 told dropped "$vip" 'why asked'
    t_check "$ip: and gone by then" has_not "$ip"
    end_steward
}

an_operators_is_left_alone() {
    local vip=$1 ip=$2 prefix=$3
    ip -n "$HOLDER" addr add "$ip/$prefix" dev vip0 nodad 2>/dev/null
    start_steward
    watch "$ip"
    ask hold "$vip" 1000
    t_wait "$ip: configured by hand, it is not taken" 1 told failed "$vip" 'error EEXIST'
    end_steward
    t_check "$ip: nor deleted" has "$ip"
    sleep 0.2
    unwatch
    t_check "$ip: it has answered" [ "$(wc -l <"$T/answers")" -gt 20 ]
    at_most "$ip: and answers all the time" "$(longest_gap)" 50000
    ip -n "$HOLDER" addr del "$ip/$prefix" dev vip0
}

another_host_has_it() {
    local vip=$1 ip=$2 prefix=$3 mac
    mac=$(c cat /sys/class/net/cli0/address)
    ip -n "$CLIENT" addr add "$ip/$prefix" dev cli0 nodad 2>/dev/null
    start_steward
    ask hold "$vip" 2000 probe
    t_wait "$ip: another host answers the probe" 1 told conflict "$vip" "flag 0 .*mac $mac"
    t_wait "$ip: it is not held" 1 told dropped "$vip" 'why conflict'
    t_check "$ip: and never was" told_none held "$vip"
    ip -n "$CLIENT" addr del "$ip/$prefix" dev cli0
    hold "$vip" 10000 probe
    ip -n "$CLIENT" addr add "$ip/$prefix" dev cli0 nodad 2>/dev/null
    ip netns exec "$HOLDER" "$NETNS/link_watch" vip0 "$ip" 300 >/dev/null & # so that it claims it again and again
    t_wait "$ip: another host that comes later is told otherwise" 2 \
        told conflict "$vip" "flag 1 .*mac $mac"
    t_wait "$ip: if it insists, it is given up" 3 told_times 2 dropped "$vip"
    t_check "$ip: and gone" has_not "$ip"
    { kill $!; wait $!; } 2>/dev/null
    ip -n "$CLIENT" addr del "$ip/$prefix" dev cli0
    end_steward
}

leftovers_are_removed_at_the_start() {
    local vip=$1 ip=$2
    start_steward
    hold "$vip" 30000
    kill -9 "$steward" "$driver"
    { wait "$driver"; } 2>/dev/null
    t_check "$ip: both killed, it is left behind" has "$ip"
    start_steward
    t_check "$ip: and removed by the next" has_not "$ip"
    end_steward
}

a_link_that_is_lost() {
    local vip=$1 ip=$2
    start_steward
    hold "$vip" 30000
    ip -n "$HOLDER" link set vip0 down
    sleep 0.05
    ip -n "$HOLDER" link set vip0 up
    sleep 0.5
    t_check "$ip: the link blinks: it is still held" told_none dropped "$vip"
    t_wait "$ip: and there" 1 has "$ip"
    ip -n "$CLIENT" link set cli0 down
    # The kernel tells of links once a second at most.
    t_wait "$ip: the link is lost: it is dropped" 3 told dropped "$vip" 'why link'
    ask hold "$vip" 1000
    t_wait "$ip: and not held without one" 1 told failed "$vip" 'error ENETDOWN'
    ip -n "$CLIENT" link set cli0 up
    sleep 0.1
    end_steward
}

announced_when_asked_and_when_the_mac_changes() {
    local vip=$1 ip=$2
    start_steward
    hold "$vip" 30000
    sleep 3.2
    ip netns exec "$CLIENT" "$NETNS/link_watch" cli0 "$ip" 100000 >>"$T/answers" &
    watcher=$!
    sleep 0.2
    : >"$T/answers"
    ask announce "$vip"
    t_wait "$ip: announced when asked" 1 answered
    sleep 3.2
    h ip link set vip0 address 02:00:00:00:77:01
    t_wait "$ip: and when the MAC changes" 1 grep -q 02:00:00:00:77:01 "$T/answers"
    unwatch
    end_steward
}

the_steward_outlives_signals_and_a_flushed_ruleset() {
    start_steward
    hold 0 30000
    kill -TERM "$steward"
    kill -INT "$steward"
    sleep 0.1
    t_check 'SIGTERM and SIGINT do not end it' kill -0 "$steward"
    t_check 'it has five capabilities' \
        grep -q '^CapEff:[[:space:]]*00000000000030e0$' "/proc/$steward/status"
    t_check 'the agent sees it in its name' grep -q '^musterd:steward$' "/proc/$steward/comm"
    if fenced; then
        h nft flush ruleset
        ask hold 0 1000
        wait_for 1 h nft list table ip muster
        t_check 'the fence is made anew if somebody flushes it' h nft list table arp muster
        t_check 'and the address passes it' \
            eval 'h nft list set arp muster held | grep -q "$IP4 timeout"'
    fi
    end_steward
}

without_privileges_what_is_asked_fails() {
    unprivileged='setpriv --reuid=65534 --regid=65534 --clear-groups'
    start_steward
    unprivileged=
    t_check 'without privileges there is no fence' told ready 0 'flag 0'
    ask hold 0 1000 probe
    t_wait 'and nothing is held' 1 told failed 0 'error EPERM'
    end_steward
    t_check 'nor left behind' has_not "$IP4"
}

for family in "0 $IP4 32" "1 $IP6 128"; do
    # shellcheck disable=SC2086  # three words
    for test in held_and_gone_at_its_time kept_to_its_time_when_the_agent_is_killed \
        gone_when_the_agent_ends_in_order handed_over_when_the_agent_is_started_again \
        handed_over_and_not_renewed ended_when_it_cannot_hand_over fenced_when_both_are_stopped \
        stopped_alone_it_is_not_brought_back \
        removed_by_the_kernel_when_both_stay_stopped restored_when_deleted_by_hand \
        an_operators_is_left_alone another_host_has_it leftovers_are_removed_at_the_start \
        a_link_that_is_lost announced_when_asked_and_when_the_mac_changes; do
        $test $family
    done
done
without_privileges_what_is_asked_fails
the_steward_outlives_signals_and_a_flushed_ruleset
