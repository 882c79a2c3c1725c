#!/usr/bin/env bash
# muster lock on three agents that are the voters: commands that want the same lock never run at the
# same time, also where the agent of the one that holds it is killed or leaves.
. "$(dirname "$0")/lib.sh"
rounds=${1:-4}

script() {
    printf '#!/bin/bash\ncd "%s" || exit 99\n%s\n' "$T" "$2" >"$T/$1.sh"
    chmod +x "$T/$1.sh"
}
# One of many: notes who runs, and whether anybody else does.
script turn 'mkdir turn || echo "$1" >>overlaps
echo "$MUSTER_LOCK_EPOCH $1" >>turns
sleep 0.05
rmdir turn'
# Holds the lock until it is stopped, with a child that does not care about SIGTERM.
script hold '(trap "" TERM; exec sleep 60) &
echo $! >child
echo $$ >holder
wait; exit 0'
# Who has it next: notes what still runs of the one before.
script next 'for name in holder child; do
    read -r pid <"$name"
    case $(ps -o stat= -p "$pid") in
    "" | Z*) ;;
    *) echo "$name" >>overlaps ;;
    esac
done
touch taken'

begin() {
    echo 'quorum { voters = {"a", "b", "c"} }' >"$T/$1.conf"
    start_ready "$1" "127.1.15.$2" -j 127.1.15.1 -j 127.1.15.2 -c "$T/$1.conf"
}
all_three() { for name in a b c; do sees_count "$name" alive 3 || return 1; done; }
# turns HOST: so many, one after the other.
turns() {
    local i
    for ((i = 0; i < rounds; i++)); do
        m "$1" lock --timeout 60s turn -- "$T/turn.sh" "$1" || echo "$1: exit $?" >>"$T/overlaps"
    done
}
# hold HOST: until it is stopped; the pid of muster is in `holding`.
hold() {
    rm -f "$T/holder" "$T/child" "$T/taken"
    "$BUILD/muster" -r "$T/$1/run" lock held -- "$T/hold.sh" 2>"$T/said" &
    holding=$!
    wait_for 20 test -s "$T/holder" || t_fail "$1 does not get the lock"
}
# taken_after WHAT HOST SIGNAL BY: the agent of the holder gets the signal, and another has the lock.
taken_after() {
    hold "$2"
    m "$4" lock held -- "$T/next.sh" &
    local next=$! status
    kill_agent "$2" "$3"
    t_wait "$1: another host has the lock" 20 test -e "$T/taken"
    t_check '... and the command of the one before had ended by then, with its child' \
        test ! -e "$T/overlaps"
    wait "$holding"
    status=$?
    t_check "... with status 1 ($status), which says so" \
        eval '[ "$status" -eq 1 ] && grep -q "the lock was lost" "$T/said"'
    wait "$next"
    t_check '... and the next one with its own' [ $? -eq 0 ]
}

mkdir "$T/none"
for name in a:1 b:2 c:3; do begin "${name%:*}" "${name#*:}"; done
t_wait 'three agents see each other' 10 all_three

begun=$(now_ms)
pids=()
for name in a b c a; do
    turns "$name" &
    pids+=($!)
done
wait "${pids[@]}"
echo "# $((4 * rounds)) turns in $(($(now_ms) - begun)) ms"
t_check 'each has had its turns' [ "$(wc -l <"$T/turns")" -eq $((4 * rounds)) ]
t_check 'and never two at once, on one host or several' test ! -e "$T/overlaps"
t_check 'each with a higher number than those before' sort -Cun -k 1,1 "$T/turns"

m a lock job -- sh -c 'exit 7'
t_check 'the status of a command is that of muster lock' [ $? -eq 7 ]
hold a
m b lock --timeout 300ms held -- touch "$T/taken" 2>/dev/null
t_check 'a lock that is not had in time exits 4' [ $? -eq 4 ]
t_check 'and runs nothing' test ! -e "$T/taken"
kill -TERM "$holding"
wait "$holding"
t_check 'a signal to muster lock is one to its command' [ $? -eq 143 ]
read -r child <"$T/child"
kill -KILL "$child" # which does not care: it is not ours to end while the lock is held

hold a
m b lock held -- "$T/next.sh" &
next=$!
{ kill -KILL "$holding"; wait "$holding"; } 2>/dev/null
t_wait 'muster lock is killed: another host has the lock' 20 test -e "$T/taken"
t_check '... and its command had ended by then, with its child' test ! -e "$T/overlaps"
wait "$next"

taken_after 'an agent is killed' a KILL b
begin a 1
t_wait 'it is back' 20 all_three
taken_after 'an agent leaves' b TERM c
"$BUILD/muster" -r "$T/none" lock job -- true 2>/dev/null
t_check 'without an agent the status is 3' [ $? -eq 3 ]
"$BUILD/muster" -r "$T/c/run" lock job 2>/dev/null
t_check 'without a command it is 2' [ $? -eq 2 ]
