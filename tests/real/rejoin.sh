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

    # A service whose other hosts are not ready yet: the name means only this host at first. Beside
    # it names that nobody answers for.
    kill_agent a KILL
    kill_agent b KILL
    rm -r "$T/a/state" "$T/b/state"
    printf '127.1.13.1 seeds.test\n' >"$T/hosts"
    printf 'nameserver 127.1.13.9\noptions timeout:5 attempts:2\n' >"$T/resolv.conf"
    mount --bind "$T/resolv.conf" /etc/resolv.conf
    perl -e 'use IO::Socket::INET;
        my $s = IO::Socket::INET->new(Proto => "udp", LocalAddr => "127.1.13.9", LocalPort => 53) or die;
        open(my $there, ">", $ARGV[0]);
        sleep 1000' "$T/name_server" & # which never answers
    wait_for 5 [ -e "$T/name_server" ]
    begun=$(now_ms) before=$(wc -l <"$T/a/log")
    start_ready a 127.1.13.1 -j dead1.test -j dead2.test -j dead3.test -j dead4.test -j seeds.test
    found_itself() {
        tail -n +$((before + 1)) "$T/a/log" | grep 'join seeds.test: that is this agent'
    }
    t_wait 'names that nobody answers for hold up no other' 5 found_itself
    t_check '... not even for 8 s' [ $(($(now_ms) - begun)) -lt 8000 ]
    start_ready b 127.1.13.2
    printf '127.1.13.1 seeds.test\n127.1.13.2 seeds.test\n' >"$T/hosts"
    t_wait 'a name that meant only this host is looked up again' 15 sees_each_other
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
