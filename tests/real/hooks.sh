#!/usr/bin/env bash
# The example hooks, run by an agent; what members say never becomes code or configuration.
. "$(dirname "$0")/lib.sh"

hooks=$T/hooks
cp -r "$top/examples/hooks" "$hooks"
printf '#!/bin/sh\nexec "%s" -r "%s" "$@"\n' "$BUILD/muster" "$T/a/run" >"$T/muster"
chmod +x "$T/muster"
echo "log='$T/events.log'" >"$hooks/append-log.conf"
echo "pager='cat >>$T/page'" >"$hooks/page.conf"
printf '%s\n' "file='$T/upstream.conf'" "reload='echo reloaded >>$T/reloads'" "muster='$T/muster'" \
    >"$hooks/nginx-upstream.conf"
cat >"$T/a.conf" <<CONF
handler "log" { on = {"member-join", "member-failed"} run = "$hooks/append-log.sh" }
handler "page" { on = {"member-failed"} match = {"role=web"} run = "$hooks/page.sh" }
handler "nginx" { on = {"member-join", "member-leave", "member-failed", "member-update", "member-unreachable", "member-reachable"} run = "$hooks/nginx-upstream.sh" }
CONF
start_ready a 127.1.11.1 -c "$T/a.conf"
start_ready b 127.1.11.2 -j 127.1.11.1 -T role=web -T port=8080
start_ready c 127.1.11.3 -j 127.1.11.1 -T role=web -T 'port=80; } evil {'
upstream_is() { [ "$(grep server "$T/upstream.conf" | tr -s ' \n' ' ')" = " $*; " ]; }
t_wait 'both are in the upstream file, a port that is no number is not' 10 \
    upstream_is 'server 127.1.11.2:8080; server 127.1.11.3:80'
t_check 'nginx was told' test -s "$T/reloads"
t_wait 'both joins are in the log' 5 \
    eval 'grep -q "member-join b" "$T/events.log" && grep -q "member-join c" "$T/events.log"'
reloads=$(wc -l <"$T/reloads")
m a tags unrelated=1 >/dev/null
"$hooks/nginx-upstream.sh"
t_check 'without a change nginx is left alone' [ "$(wc -l <"$T/reloads")" -eq "$reloads" ]
kill_agent c KILL
t_wait 'the failed one is out' 10 upstream_is 'server 127.1.11.2:8080'
t_wait 'and paged' 5 grep -q '^member-failed: c (127.1.11.3) is failed, seen by a' "$T/page"
t_check 'and in the log' grep -q 'member-failed c' "$T/events.log"
kill_agent b TERM
t_wait 'b left' 5 sees a b left
"$hooks/nginx-upstream.sh" >/dev/null
t_check 'the last servers stay when nobody is left' upstream_is 'server 127.1.11.2:8080'
