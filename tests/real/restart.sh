#!/usr/bin/env bash
# A member that restarts is the same member, newer; one that is asked to stop has left.
. "$(dirname "$0")/lib.sh"

id_of() { m "$1" members -o json | jq -r --arg n "$2" '.. | objects | select(.name? == $n) | .id' | head -n 1; }
generation() { m "$1" info -o json | jq -r '[.. | objects | .generation? // empty] | first'; }

start_ready a 127.1.2.1
start_ready b 127.1.2.2 -j 127.1.2.1
start_ready c 127.1.2.3 -j 127.1.2.1
t_wait 'all see all' 10 eval 'sees_count a alive 3 && sees_count b alive 3 && sees_count c alive 3'
before=$(id_of a b)
generation_before=$(generation b)
t_check 'an id is 32 hex digits' grep -Exq '[0-9a-f]{32}' <<<"$before"

kill_agent b KILL
t_wait 'b is failed' 10 sees a b failed
begun=$(now_ms)
start_agent b 127.1.2.2
t_wait 'b is back as alive, rejoined from its state folder' 10 sees a b alive
echo "# back as alive $(($(now_ms) - begun)) ms after its start"
t_check 'with the same id' [ "$(id_of a b)" = "$before" ]
t_check 'and a higher generation' [ "$(generation b)" -gt "$generation_before" ]

kill_agent b KILL
start_ready b 127.1.2.9 -j 127.1.2.1
t_wait 'a killed member is back at once with another address' 10 \
    eval '[ "$(m a members --format "{name} {addr} {status}\n" | grep "^b ")" = "b 127.1.2.9 alive" ]'

kill_agent c TERM
t_check 'SIGTERM exits 0' [ "$exited" -eq 0 ]
t_wait 'and shows left' 5 sees a c left
t_check 'never failed' eval '! m a members --status failed | grep -qw c'
start_ready c 127.1.2.3
t_wait 'started again, it is alive' 10 sees a c alive
kill -TERM "${PID[c]}"
kill_agent c INT
t_wait 'two signals at once are a leave as well' 5 sees a c left
start_ready c 127.1.2.3
t_wait 'started once more, it is alive' 10 sees a c alive
t_check 'muster leave' m b leave
reap_agent b
t_check 'leaves with status 0' [ "$exited" -eq 0 ]
t_wait 'and shows left too' 5 sees a b left

kill_agent a KILL
kill_agent c KILL
start_ready a 127.1.2.1
start_ready c 127.1.2.3
t_wait 'all restarted at once find each other from their state folders' 10 \
    eval 'sees a c alive && sees c a alive'
