#!/usr/bin/env bash
# What supervisors, containers and monitoring do to an agent: stray signals, PID 1, a restart while
# somebody waits, closed standard streams.
# shellcheck source=tests/real/lib.sh
. "$(dirname "$0")/lib.sh"

steward_of() { pgrep -P "$1"; }

# ---- signals ----

printf 'quorum { voters = {"a"} }\n' >"$T/a.conf"
start_ready a 127.1.24.1 -c "$T/a.conf"
for signal in USR1 USR2 ALRM IO XCPU XFSZ VTALRM PROF PWR STKFLT PIPE RTMIN RTMAX; do
    kill "-$signal" "${PID[a]}" "$(steward_of "${PID[a]}")"
done
sleep 0.2
t_check 'signals that nobody means end neither process' eval 'm a members && [ -n "$(steward_of "${PID[a]}")" ]'
t_wait 'SIGUSR1 logs a summary' 5 log_has a 'summary: members: 1 alive, 0 suspect'

# ---- wait ----

m a wait --alive 2 --timeout 60s 2>"$T/waited" &
waiter=$!
t_wait 'wait goes on' 5 eval '[ -e "$T/waited" ]'
kill_agent a KILL
start_ready a 127.1.24.1 -c "$T/a.conf"
start_ready b 127.1.24.2 -j 127.1.24.1
wait "$waiter"
t_check 'wait survives a restart of the agent' [ $? -eq 0 ]
"$BUILD/muster" -r "$T/later/run" wait --alive 1 --timeout 60s 2>/dev/null &
waiter=$!
sleep 0.3
start_ready later 127.1.24.3
wait "$waiter"
t_check 'wait can begin before the agent' [ $? -eq 0 ]
"$BUILD/muster" -r "$T/never/run" wait --alive 1 --timeout 300ms >"$T/said" 2>&1
t_check 'without an agent it times out, and says why' eval "[ $? -eq 4 ] && grep -q 'start musterd' '$T/said'"

# ---- standard streams ----

for fd in 0 1 2; do
    mkdir -p "$T/closed$fd"
    (
        eval "exec $fd>&-"
        exec "$BUILD/musterd" -n "closed$fd" -b "127.1.24.$((10 + fd))" -r "$T/closed$fd/run" -s "$T/closed$fd/state"
    ) 2>"$T/closed$fd/log" &
    agent=$!
    wait_for 5 m "closed$fd" members
    steward=$(steward_of "$agent")
    kill "$agent"
    wait "$agent"
    t_check "with descriptor $fd closed, SIGTERM ends it in order" [ $? -eq 0 ]
    t_wait 'and the steward' 5 eval "! kill -0 $steward 2>/dev/null"
done

# ---- PID 1 ----

printf '#!/bin/sh\n(sleep 0.1; sleep 0.1) >/dev/null 2>&1 &\n' >"$T/orphan.sh"
chmod 755 "$T/orphan.sh"
printf 'handler "orphan" { on = {"member-update"} run = "%s" }\n' "$T/orphan.sh" >"$T/one.conf"
zombies() { cat /proc/[0-9]*/stat 2>/dev/null | sed 's/([^)]*)//' | awk '$2 == "Z"' | wc -l; }
if unshare --pid --fork true 2>/dev/null; then
    mkdir "$T/one"
    unshare --pid --fork --kill-child --mount-proc "$BUILD/musterd" -n one -b 127.1.24.20 -c "$T/one.conf" \
        -r "$T/one/run" -s "$T/one/state" 2>"$T/one/log" &
    outer=$!
    t_wait 'as PID 1 it serves' 5 m one members
    before=$(zombies)
    for i in 1 2 3 4 5 6 7 8 9 10; do m one tags "n=$i"; done
    sleep 1
    t_check 'and leaves no zombies' [ "$(zombies)" -le "$before" ]
    m one leave
    wait "$outer"
    t_check 'it ends with the status of the agent' [ $? -eq 0 ]
    unshare --pid --fork --kill-child --mount-proc "$BUILD/muster" -r "$T/a/run" lock x -- sh -c '
        (sleep 0.1; sleep 0.1) & (sleep 0.1; sleep 0.1) & sleep 0.5; exit 7'
    t_check 'muster lock as PID 1 has the status of its command' [ $? -eq 7 ]
else
    t_skip 'PID namespaces need root'
fi
