#!/usr/bin/env bash
# Addresses to find the others by: one's own among them does no harm, and a configured one is
# dialled again when nobody there is a member any more.
# A name of its own needs root: the whole test then runs with an /etc/hosts of its own.
if [ -z "${MUSTER_IN_MNTNS:-}" ] && unshare -m true 2>/dev/null; then
    MUSTER_IN_MNTNS=1 exec unshare -m "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"

sees_each_other() { sees a b alive && sees b a alive; }

start_ready a 127.1.13.1
start_ready b 127.1.13.2 -j 127.1.13.1
t_wait 'a and b see each other' 10 sees_each_other
remembers() { grep -q '127.1.13.2' "$T/a/state/peers"; }
t_wait 'a has written down where b is' 10 remembers
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
wait_for 10 remembers

# One name for all hosts, as a DNS record often is.
if [ -n "${MUSTER_IN_MNTNS:-}" ]; then
    printf '127.1.13.1 seeds.test\n127.1.13.2 seeds.test\n' >"$T/hosts"
    mount --bind "$T/hosts" /etc/hosts
    kill_agent a KILL
    kill_agent b KILL
    rm -r "$T/a/state" "$T/b/state"
    start_ready a 127.1.13.1 -j seeds.test
    sleep 3
    start_ready b 127.1.13.2
    t_wait 'of a name for all hosts the others are dialled on' 15 sees_each_other
else
    t_skip 'one name for all hosts (needs a mount namespace)'
fi

# Somebody asked in vain for a member that was dialled anyway.
wait_for 10 remembers
kill_agent a KILL
kill_agent b KILL
rm -r "$T/b/state"
start_ready a 127.1.13.1
t_check 'muster join of who is not there is a no' eval '! m a join 127.1.13.2'
start_ready b 127.1.13.2
t_wait 'and does not end the dialling of a member known from before' 15 sees_each_other

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
