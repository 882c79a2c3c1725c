#!/usr/bin/env bash
# SIGHUP takes on what can change and names what cannot; a bad file changes nothing.
. "$(dirname "$0")/lib.sh"

printf '#!/bin/sh\necho "$MUSTER_EVENT $MUSTER_MEMBER_NAME" >>"%s"\n' "$T/noted" >"$T/note.sh"
chmod +x "$T/note.sh"
conf() { cat >"$T/a.conf"; }
reload() {
    kill -HUP "${PID[a]}"
}

conf <<CONF
tags = {"role=db"}
log_level = "info"
CONF
start_ready a 127.1.8.1 -c "$T/a.conf"
start_ready b 127.1.8.2 -j 127.1.8.1
t_wait 'b sees the first tags' 5 eval '[ "$(m b members --tag role=db --format "{name}")" = a ]'

conf <<CONF
tags = {"role=web", "rack=r7"}
log_level = "debug"
handler "note" { on = {"member-failed"} run = "$T/note.sh" }
CONF
reload
t_wait 'b sees the new tags' 5 eval '[ "$(m b members --tag role=web --tag rack=r7 --format "{name}")" = a ]'
kill_agent b KILL
t_wait 'the new handler runs' 10 grep -q 'member-failed b' "$T/noted"
t_wait 'the log level is debug' 5 grep -q '\[DEBUG\]' "$T/a/log"

lines=$(wc -l <"$T/a/log")
later() { tail -n "+$((lines + 1))" "$T/a/log"; }
conf <<CONF
tags = {"role=web", "rack=r8"}
bind = "127.1.8.9"
cluster = "other"
name = "z"
log_level = "info"
CONF
reload
t_wait 'what can change, changes' 5 eval '[ "$(m a members --tag rack=r8 --format "{name}")" = a ]'
t_check 'what cannot change is named' eval 'later | grep -q cluster'
t_check 'and what runs is what is told' eval '[ "$(m a -o json info | jq -r .agent.cluster)" = default ]'
lines=$(wc -l <"$T/a/log")
m a reload
t_check 'also the next time' eval 'later | grep -q cluster'

lines=$(wc -l <"$T/a/log")
conf <<CONF
tags = {"role=x"}
detect = "never"
CONF
reload
t_wait 'a bad file is named with its line and value' 5 eval 'later | grep -q "a.conf:2:.*\"never\""'
t_check 'and changes nothing' [ "$(m a members --tag rack=r8 --format '{name}')" = a ]
m a reload >"$T/said" 2>&1
t_check 'muster reload says the same, with exit 1' eval "[ $? -eq 1 ] && grep -q 'a.conf:2:' '$T/said'"
conf <<CONF
tags = {"role=last"}
CONF
t_check 'muster reload with a good file' m a reload
t_check 'has changed the tags' [ "$(m a members --tag role=last --format '{name}')" = a ]
