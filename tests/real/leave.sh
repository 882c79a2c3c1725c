#!/usr/bin/env bash
# A planned stop: the scripts of what happens on the way run to their end or to their timeout, the
# exit status says how it went, and an agent whose steward is gone does not go on as if it were well.
. "$(dirname "$0")/lib.sh"

script() {
    printf '#!/bin/sh\n%s\n' "$2" >"$T/$1.sh"
    chmod +x "$T/$1.sh"
}
script slow "sleep 0.4; echo \"\$MUSTER_EVENT \$MUSTER_MEMBER_NAME\" >>'$T/slow'"
script hang "echo \$\$ >>'$T/hang'; trap '' TERM; sleep 1000 & wait; sleep 1000"
handler() { echo "handler \"$1\" { on = {\"$2\"} run = \"$T/$1.sh\" timeout = \"${3-30s}\" }"; }

# ---- what waits is run ----

handler slow member-join >"$T/a.conf"
: >"$T/slow"
start_ready w 127.1.27.1
start_ready a 127.1.27.2 -j 127.1.27.1 -c "$T/a.conf"
for n in 3 4 5; do start_agent "m$n" "127.1.27.$n" -j 127.1.27.1; done
wait_for 10 sees_count a alive 5
begun=$(now_ms)
kill -TERM "${PID[a]}"
t_wait 'the others see it leave, and do not wait for its scripts' 2 sees w a left
t_check 'which still run' [ "$(grep -c . "$T/slow")" -lt 5 ]
reap_agent a
echo "# the leave took $(($(now_ms) - begun)) ms"
t_check 'it exits with 0' [ "$exited" = 0 ]
t_check 'each change that waited was run' [ "$(grep -c '^member-join' "$T/slow")" = 5 ]
t_check 'the log names no change that was not run' eval '! log_has a "not run"'

# ---- what hangs is ended ----

handler hang member-join 1s >"$T/a.conf"
start_ready a 127.1.27.2 -j 127.1.27.1 -c "$T/a.conf"
wait_for 10 test -s "$T/hang"
m a leave >/dev/null
reap_agent a
t_check 'a script that hangs does not spoil the exit status' [ "$exited" = 0 ]
t_check 'it was ended at its timeout' log_has a 'hang.sh.*after its timeout'
t_check 'with its processes' eval 'gone "$(head -n 1 "$T/hang")"'

handler hang member-join >"$T/a.conf"
: >"$T/hang"
start_ready a 127.1.27.2 -j 127.1.27.1 -c "$T/a.conf"
wait_for 10 test -s "$T/hang"
begun=$(now_ms)
kill -TERM "${PID[a]}"
wait_for 5 sees w a left
kill_agent a TERM
t_check 'a second signal ends what runs' [ $(($(now_ms) - begun)) -lt 15000 ]
t_check 'and the exit status is still 0' [ "$exited" = 0 ]
t_check 'with its processes' eval 'gone "$(head -n 1 "$T/hang")"'

# ---- without a steward ----

steward_of() { pgrep -P "${PID[$1]}" -x musterd:steward; }
handler slow member-join >"$T/a.conf"
: >"$T/a/log"
start_ready a 127.1.27.2 -j 127.1.27.1 -c "$T/a.conf"
kill -9 "$(steward_of a)"
t_wait 'an agent whose steward was killed leaves' 5 sees w a left
wait_for 10 gone "${PID[a]}" || kill -KILL "${PID[a]}"
reap_agent a
t_check 'with an exit status of its own' [ "$exited" = 4 ]
t_check 'and says so in one line' [ "$(grep -c 'steward is gone' "$T/a/log")" = 1 ]

: >"$T/a/log"
start_ready a 127.1.27.2 -j 127.1.27.1
steward=$(steward_of a)
kill -STOP "$steward"
kill -TERM "${PID[a]}"
t_wait 'an agent whose steward is stopped leaves' 5 sees w a left
t_wait 'and ends' 10 eval '[ "$(ps -o stat= -p "${PID[a]}")" = Z ] || gone "${PID[a]}"'
kill -CONT "$steward"
gone "${PID[a]}" || kill -KILL "${PID[a]}" 2>/dev/null
reap_agent a
t_check 'with exit status 0' [ "$exited" = 0 ]
t_check 'and names the steward that it leaves behind' log_has a "pid $steward, does not end"
t_wait 'which ends when it continues' 5 gone "$steward"

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    chmod 777 "$T"
    # A leak sanitizer needs a process of its own.
    said=$(cd "$T" && ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" setpriv --reuid=nobody \
        --regid=nogroup --clear-groups prlimit --nproc=0:0 \
        "$BUILD/musterd" -n x -b 127.1.27.9 -r "$T/x/run" -s "$T/x/state" 2>&1)
    exited=$?
    t_check 'one whose steward cannot be started exits with the same' [ "$exited" = 4 ]
    t_check 'and says why' grep -q 'cannot start the steward: ' <<<"$said"
else
    t_skip 'a steward that cannot be started: needs root'
fi
