#!/usr/bin/env bash
# Two clusters that both have no name, with voters of their own, meet: a member of one restarts with
# an address of the other among those to join. Each keeps its quorum, and both say so.
. "$(dirname "$0")/lib.sh"

begin() { # NAME NUMBER VOTERS SEED...
    local name=$1 number=$2 seed seeds=()
    echo "quorum { voters = {$3} }" >"$T/$name.conf"
    shift 3
    for seed in "$@"; do seeds+=(-j "127.1.16.$seed"); done
    start_ready "$name" "127.1.16.$number" -c "$T/$name.conf" "${seeds[@]}"
}
all_see() { # COUNT NAME...
    local count=$1 name
    shift
    for name in "$@"; do sees_count "$name" alive "$count" || return 1; done
}
lock() { m "$1" lock --timeout 10s strangers -- true; }

ours='"a1", "a2", "a3"' theirs='"b1", "b2", "b3"'
for i in 1 2 3; do begin "a$i" "$i" "$ours" 1; done
for i in 1 2 3 4; do begin "b$i" "1$i" "$theirs" 11; done
t_wait 'three are a cluster' 10 all_see 3 a1 a2 a3
t_wait 'and four another' 10 all_see 4 b1 b2 b3 b4
sleep 11 # established

t_check 'an address of the other is joined' m a2 join 127.1.16.12
t_wait 'they are one' 10 all_see 7 a1 a2 a3 b1 b2 b3 b4
t_wait 'one side says so' 10 grep -q 'two clusters have merged: b2 at' "$T/a2/log"
t_wait 'and the other' 10 grep -q 'two clusters have merged: a2 at' "$T/b2/log"
for name in a1 a3 b1 b4; do
    t_wait "$name names both lists" 10 grep -q 'Theirs: .1 .2 .3. Ours: .1 .2 .3.' "$T/$name/log"
done
t_check 'the smaller one has its quorum' lock a1
t_check 'and the larger' lock b1
kill_agent a3 KILL
t_check 'the smaller one also when a voter of its dies' lock a1

unnamed() { grep -q 'the cluster has no name of its own' "$T/$1/log"; }
t_check 'on a loopback address no name is needed' eval '! unnamed a1'
if [ -n "${MUSTER_ALONE:-}" ] && ip addr add 10.88.0.1/32 dev lo; then
    start_ready alone 10.88.0.1
    t_check 'on another an agent warns at its start that the cluster has none' unnamed alone
else
    t_skip 'an address that is not loopback (needs a network namespace)'
fi
