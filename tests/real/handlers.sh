#!/usr/bin/env bash
# A handler that sleeps, one that floods: membership, the control socket and other handlers
# go on; at the timeout a whole process group is gone.
. "$(dirname "$0")/lib.sh"

script() {
    printf '#!/bin/sh\n%s\n' "$2" >"$T/$1.sh"
    chmod +x "$T/$1.sh"
}
script sleeper "echo \$\$ >>'$T/pids'; sleep 60 & echo \$! >>'$T/pids'; sleep 60"
script flooder "echo \$\$ >>'$T/flood'; exec yes flooding"
script quick "echo \"\$MUSTER_EVENT \$MUSTER_MEMBER_NAME\" >>'$T/quick'"
script broken 'echo to-the-log; echo and-stderr >&2; exit 7'
cat >"$T/a.conf" <<CONF
handler "sleeper" { on = {"member-join"} run = "$T/sleeper.sh" timeout = "3s" }
handler "flooder" { on = {"member-join"} run = "$T/flooder.sh" timeout = "3s" }
handler "quick" { on = {"member-join", "member-leave"} run = "$T/quick.sh" }
handler "broken" { on = {"member-join"} match = {"role=b"} run = "$T/broken.sh" }
handler "missing" { on = {"member-join"} run = "$T/quick.sh" match = {"role=nobody-has-this"} }
CONF
start_ready a 127.1.4.1 -c "$T/a.conf"
start_ready b 127.1.4.2 -j 127.1.4.1 -T role=b
start_ready c 127.1.4.3 -j 127.1.4.1
follow_events b
t_wait 'the sleeping handler runs' 10 test -s "$T/pids"
t_wait 'the flooding handler runs' 10 test -s "$T/flood"

times=$(for _ in {1..50}; do
    begun=${EPOCHREALTIME/[.,]/}
    m a members >/dev/null || echo 99999999
    echo $((${EPOCHREALTIME/[.,]/} - begun))
done | sort -n)
echo "# muster members while both run: median $(sed -n 25p <<<"$times") us, longest $(tail -n 1 <<<"$times") us"
t_check 'muster members answered every time' eval '! grep -q 99999999 <<<"$times"'
t_wait 'another handler ran for both joins meanwhile' 5 \
    eval 'grep -q "member-join b" "$T/quick" && grep -q "member-join c" "$T/quick"'
t_wait 'output and errors of a handler are in the log' 5 \
    eval 'log_has a to-the-log && log_has a and-stderr'
t_check 'a failing handler is named with its status' eval 'grep broken "$T/a/log" | grep -q 7'

parent=$(sed -n 1p "$T/pids") child=$(sed -n 2p "$T/pids")
t_wait 'at the timeout the sleeper is gone' 10 gone "$parent"
t_wait 'and its child' 2 gone "$child"
t_wait 'and the flooder' 10 gone "$(sed -n 1p "$T/flood")"
t_check 'the timeout is in the log' eval 'grep sleeper "$T/a/log" | grep -Eq "timeout|timed out"'
t_wait 'the second join comes after the first, in order' 10 eval '[ "$(wc -l <"$T/pids")" -ge 4 ]'
t_check 'the log stayed small under the flood' [ "$(stat -c %s "$T/a/log")" -lt 500000 ]
t_check 'nobody was suspected or called failed meanwhile' \
    eval '! grep -Eq "member-(failed|suspect)" "$T/b/events"'
t_check 'info counts the runs' eval 'm a info -o json | grep -q sleeper'

t_wait 'the second run is there' 10 eval '[ "$(wc -l <"$T/pids")" -ge 4 ]'
child=$(sed -n 4p "$T/pids")
kill_agent a TERM
t_check 'SIGTERM with a handler running exits 0' [ "$exited" -eq 0 ]
t_wait 'and leaves no process behind' 5 gone "$child"
