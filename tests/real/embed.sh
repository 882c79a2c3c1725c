#!/usr/bin/env bash
# The example program is a member like any other.
. "$(dirname "$0")/lib.sh"

start_ready a 127.1.10.1
mkdir "$T/e"
"$BUILD/examples/embed" e 127.1.10.2 7949 127.1.10.1 7949 >"$T/e/log" 2>&1 &
PID[e]=$!
t_wait 'a sees the example' 5 sees a e alive
t_wait 'the example sees a' 5 grep -q '^a is alive' "$T/e/log"
start_ready b 127.1.10.3 -j 127.1.10.1
t_wait 'it hears of b from a' 5 grep -q '^b is alive' "$T/e/log"
kill_agent b KILL
t_wait 'and that b failed' 10 grep -q '^b is failed' "$T/e/log"
t_check 'a saw nobody else fail' sees a e alive
kill_agent e INT
t_check 'SIGINT exits 0' [ "$exited" -eq 0 ]
t_wait 'and a sees that it left' 5 sees a e left
