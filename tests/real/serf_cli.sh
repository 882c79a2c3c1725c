#!/usr/bin/env bash
# Serf's own command works against musterd.
. "$(dirname "$0")/lib.sh"

command -v serf >/dev/null || { t_fail "serf is not installed (Debian: serf)"; exit 1; }
rpc=127.1.6.1:7373
s() { timeout 10 serf "$1" "-rpc-addr=${auth_rpc:-$rpc}" "${@:2}"; }
echo "control { rpc = \"$rpc\" }" >"$T/a.conf"
start_ready a 127.1.6.1 -c "$T/a.conf" -T role=web
start_ready b 127.1.6.2
start_ready c 127.1.6.3 -j 127.1.6.2

t_check 'serf join' eval 's join 127.1.6.2 | grep -q "joined cluster by contacting 1 node"'
t_wait 'serf members lists all' 5 eval '[ "$(s members | grep -c alive)" -eq 3 ]'
t_check 'serf members shows address, port and tags' \
    eval 's members | grep -Eq "^a +127\.1\.6\.1:7949 +alive +role=web"'
t_check 'serf members -format json' \
    eval 's members -format=json | jq -e ".members | length == 3 and all(.[]; .status == \"alive\")"'
t_check 'serf members -detailed' eval 's members -detailed | grep -q "Protocol Version"'
t_check 'serf members -status' eval '[ "$(s members -status=alive | wc -l)" -eq 3 ] && [ -z "$(s members -status=failed)" ]'
t_check 'serf members -name takes an anchored expression' eval '[ "$(s members -name="[ab]" | wc -l)" -eq 2 ]'
t_check 'serf members -tag' eval '[ "$(s members -tag role=w.b | wc -l)" -eq 1 ]'
s members -name='[' >"$T/said" 2>&1
t_check 'a bad expression is an error, not a closed connection' \
    eval '! grep -Eq "EOF|closed" "$T/said" && grep -iq "regular expression" "$T/said"'

t_check 'serf tags -set' s tags -set note=hello -set other=1
t_wait 'others see it' 5 eval '[ "$(m b members --tag note=hello --format "{name}")" = a ]'
t_check 'serf tags -delete' s tags -delete note
t_wait 'others see that' 5 eval '[ -z "$(m b members --tag note=hello --format "{name}")" ]'
t_check 'the other tags stay' eval '[ "$(m a members --tag other=1 --tag role=web --format "{name}")" = a ]'
t_check 'serf info' eval 's info | grep -q "^serf:" && s info | grep -q "members = 3"'

timeout 20 serf monitor -rpc-addr=$rpc -log-level=debug >"$T/monitor" 2>&1 &
t_wait 'serf monitor shows the log so far' 5 grep -q . "$T/monitor"
kill_agent c KILL
t_wait 'serf monitor shows the failure' 10 grep -Eq 'c.*failed|failed.*c' "$T/monitor"
t_wait 'serf members shows failed' 10 eval 's members | grep -Eq "^c .*failed"'
t_check 'serf force-leave' s force-leave c
t_wait 'it is left' 5 eval 's members | grep -Eq "^c .*left"'
t_check 'serf force-leave -prune' s force-leave -prune c
t_wait 'it is out of the list' 5 eval '! s members | grep -q "^c "'
t_wait 'everywhere' 5 eval '! m b members | grep -q "^c "'
t_check 'serf reachability and other commands not there are errors, not crashes' \
    eval '! s query nothing; s members'

echo 'control { rpc = "127.1.6.4:7373" rpc_auth = "secret" }' >"$T/d.conf"
start_ready d 127.1.6.4 -c "$T/d.conf" -j 127.1.6.1
auth_rpc=127.1.6.4:7373
t_check 'rpc_auth: without it, refused' eval '! s members'
t_check 'rpc_auth: with a wrong one, refused' eval '! s members -rpc-auth=wrong'
t_check 'rpc_auth: with it, answered' eval 's members -rpc-auth=secret | grep -q "^d "'
echo 'log_level = "info"' >"$T/d.conf"
t_check 'a reload without the control section' m d reload
t_check 'rpc_auth: is asked for as before' eval '! s members && s members -rpc-auth=secret | grep -q "^d "'
auth_rpc=
t_check 'serf leave' s leave
reap_agent a
t_check 'musterd ended with 0' [ "$exited" -eq 0 ]
t_wait 'b sees a as left' 5 sees b a left
