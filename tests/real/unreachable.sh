#!/usr/bin/env bash
# One of five agents can send and is not reached: the others call it partly unreachable, once, and
# not failed; they tell it in every way there is; and take it back when it is over.
# The cut needs root: the whole test then runs in a network namespace of its own.
if [ "$(id -u)" -eq 0 ] && [ -z "${MUSTER_IN_NETNS:-}" ]; then
    MUSTER_IN_NETNS=1 exec unshare -n "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
if [ -z "${MUSTER_IN_NETNS:-}" ]; then
    t_skip 'links cut one way (needs root, for a network namespace)'
    exit 0
fi
ip link set lo up

rpc=127.1.12.1:7373 names='a b c d e'
printf '#!/bin/sh\necho "$MUSTER_EVENT $MUSTER_MEMBER_NAME $MUSTER_MEMBER_STATUS $MUSTER_MEMBER_UNREACHABLE" >>"%s"\n' \
    "$T/noted" >"$T/note.sh"
chmod +x "$T/note.sh"
echo 'detect = "500ms"' >"$T/any.conf"
cat "$T/any.conf" - >"$T/a.conf" <<CONF
handler "note" { on = {"member-unreachable", "member-reachable", "member-failed"} run = "$T/note.sh" }
control { rpc = "$rpc" }
CONF
start_ready a 127.1.12.1 -c "$T/a.conf"
for i in 2 3 4 5; do start_ready "$(cut -d' ' -f$i <<<"$names")" 127.1.12.$i -c "$T/any.conf" -j 127.1.12.1; done
all_see() { for name in $names; do sees_count "$name" "$1" "$2" || return 1; done; }
t_wait 'all see all' 20 all_see alive 5
follow_events a
timeout 120 serf monitor -rpc-addr=$rpc >"$T/monitor" 2>&1 &
m a watch --on member-unreachable,member-reachable >"$T/watch" 2>/dev/null &

# e_is VIEWER STATUS yes|no; TCP's answers are cut as well.
e_is() { [ "$(m "$1" members --format '{name} {status} {unreachable}\n' | grep '^e ')" = "e $2 $3" ]; }
others_see_e() { for name in a b c d; do e_is "$name" "$@" || return 1; done; }
nft -f - <<'NFT'
table inet cut {
    chain in {
        type filter hook input priority 0;
        ip saddr 127.1.12.1-127.1.12.4 ip daddr 127.1.12.5 counter drop
    }
}
NFT
t_wait 'all others see e alive and partly unreachable' 20 others_see_e alive yes
sleep 5
nft list table inet cut | sed -n 's/.*\(counter.*\)/# cut: \1/p'
t_check 'and still do' others_see_e alive yes
t_check 'members notes it in a last column' eval \
    'm a members | grep -Eq "^NAME .* NOTE$" && m a members | grep -Eq "^e .* alive .*partly unreachable$"'
t_check 'JSON members has it, in every member' eval 'm a -o json members |
    jq -e "[.members[] | {name, unreachable}] | length == 5 and all(.[]; .unreachable == (.name == \"e\"))"'
t_check 'explain says it in words' eval 'm a explain e | grep -q "it lives, but not all that watch it reach it"'
t_check 'wait counts it as alive' m a wait --alive 5 --timeout 1s
t_check 'serf shows it alive' eval 'serf members -rpc-addr=$rpc | grep -Eq "^e .* alive"'
t_check 'the log warns' eval 'grep "\[WARN\].*member-unreachable: e 127.1.12.5:7949" "$T/a/log"'
t_wait 'the handler ran' 5 grep -qx 'member-unreachable e alive yes' "$T/noted"

nft delete table inet cut
t_wait 'mended, all see e reachable' 60 others_see_e alive no
t_wait 'the handler ran again' 5 grep -qx 'member-reachable e alive no' "$T/noted"
t_wait 'nobody sees anybody else so' 60 eval 'all_see alive 5 && ! m a members | grep -q unreachable'
t_check 'e was never called failed' eval '! grep -q "member-failed e" "$T/noted"'
of_e() { jq -r 'select(.member.name == "e") | .event' "$T/a/events" | grep -E 'reachable|failed' | tr '\n' ' '; }
t_check 'events.sock told it once, and when it was over' [ "$(of_e)" = 'member-unreachable member-reachable ' ]
t_check 'and so did watch' eval '[ "$(wc -l <"$T/watch")" -eq 2 ] && grep -q "member-unreachable  e  .*partly unreachable$" "$T/watch"'
t_check 'the monitor of Serf goes on' eval 'grep -q member-reachable "$T/monitor"'
