#!/usr/bin/env bash
# Two agents over IPv6.
. "$(dirname "$0")/lib.sh"

if ! grep -q 00000000000000000000000000000001 /proc/net/if_inet6 2>/dev/null; then
    t_skip 'IPv6 (this host has no ::1)'
    exit 0
fi
start_ready a '[::1]:17949'
start_ready b '[::1]:17950' -j '[::1]:17949'
t_wait 'a sees b' 5 sees a b alive
t_wait 'b sees a' 5 sees b a alive
t_check 'members shows address and port' \
    [ "$(m a members --format '{name} {addr} {port}\n' | sort | tr '\n' ,)" = 'a ::1 17949,b ::1 17950,' ]
kill_agent b KILL
t_wait 'kill -9 shows failed' 10 sees a b failed
start_ready b '[::1]:17950'
t_wait 'restarted, it is alive' 10 sees a b alive
t_wait 'and sees the other' 10 sees b a alive
kill_agent b TERM
t_wait 'SIGTERM shows left' 5 sees a b left
