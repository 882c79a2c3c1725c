#!/usr/bin/env bash
# Addresses to find the others by: one's own among them does no harm, and a configured one is
# dialled again when nobody there is a member any more.
. "$(dirname "$0")/lib.sh"

sees_each_other() { sees a b alive && sees b a alive; }

start_ready a 127.1.13.1
start_ready b 127.1.13.2 -j 127.1.13.1
t_wait 'a and b see each other' 10 sees_each_other
t_wait 'a has written down where b is' 10 grep -q '127.1.13.2' "$T/a/state/peers"
kill_agent a KILL
kill_agent b KILL
rm -r "$T/b/state"
start_ready a 127.1.13.1 -j 127.1.13.1 -j 127.1.13.2
t_wait 'its own address among those to join is named' 10 grep -q 'that is this agent' "$T/a/log"
sleep 1
start_ready b 127.1.13.2
t_wait 'does not keep it from finding b' 15 sees_each_other

kill_agent a KILL
kill_agent b KILL
rm -r "$T/b/state"
start_ready a 127.1.13.1 -j 127.1.13.1
sleep 1
start_ready b 127.1.13.2
t_wait 'nor from finding b where it was before' 15 sees_each_other

# Both forget each other, as two halves do that were apart for days.
kill_agent a KILL
rm -r "$T/a/state" "$T/b/state"
start_ready a 127.1.13.1 -j 127.1.13.2
t_wait 'a joins b' 15 sees_each_other
kill_agent b KILL
t_wait 'b is failed' 10 sees a b failed
t_check 'and forgotten' m a forget b
start_ready c 127.1.13.2
begun=$(now_ms)
t_wait 'whoever comes to the configured address is joined' 90 sees a c alive
echo "# after $(($(now_ms) - begun)) ms"
