#!/usr/bin/env bash
# Started by root with `user`, the agent is that user; the steward stays, and runs the scripts.
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" -ne 0 ]; then
    t_skip 'not root: nobody can be become'
    exit 0
fi

# status_of PID KEY: a line of what the kernel says of it.
status_of() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }
steward_of() { pgrep -P "$1"; }
uids() { status_of "$1" Uid | tr '\t' ' '; }
nobody=$(id -u nobody)
four="$nobody $nobody $nobody $nobody"

cat >"$T/note.sh" <<'EOS'
#!/bin/sh
echo "$MUSTER_EVENT $MUSTER_MEMBER_NAME $(id -un)"
EOS
chmod 755 "$T/note.sh"
conf() {
    cat >"$T/a.conf" <<CONF
user = "nobody"
$1
handler "root" { on = {"member-join", "member-failed"} run = "$T/note.sh" }
handler "daemon" { on = {"member-failed"} run = "$T/note.sh" user = "daemon" }
CONF
}

conf ''
chmod 644 "$T/a.conf"
start_ready a 127.1.16.1 -c "$T/a.conf"
agent=${PID[a]} steward=$(steward_of "${PID[a]}")
t_check 'the agent is the user' [ "$(uids "$agent")" = "$four" ]
t_check 'and in none of the groups of root' eval '! status_of "$agent" Groups | grep -qw 0'
t_check 'it has no capability' eval '[ "$(status_of "$agent" CapPrm)$(status_of "$agent" CapEff)" = 00000000000000000000000000000000 ]'
t_check 'and can get none' [ "$(status_of "$agent" NoNewPrivs)" = 1 ]
# CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_NET_ADMIN, CAP_NET_RAW, if the machine lets us have them all
t_check 'the steward has those of its five that root has here' eval '[ $((0x$(status_of "$steward" CapEff) & ~0x30e0)) -eq 0 ]'
t_check 'the folders are of the user' [ "$(stat -c %U "$T/a/run" "$T/a/state" | sort -u)" = nobody ]

start_ready b 127.1.16.2 -j 127.1.16.1
wait_for 5 sees a b alive
t_wait 'a script without a user runs as root' 5 log_has a 'member-join b root'
kill_agent b KILL
t_wait 'a script with one as that user' 10 log_has a 'member-failed b daemon'

conf 'tags = {"role=web"}'
t_check 'the configuration is read again' m a reload
t_check 'and taken on' [ "$(m a members --tag role=web --format '{name}')" = a ]
t_check 'without a word of a change of user' eval '! log_has a "user cannot change"'
mkdir -m 700 "$T/private" && mkdir "$T/private/none.sh"
conf "handler \"none\" { on = {\"member-reap\"} run = \"$T/private/none.sh\" }"
m a reload >"$T/said" 2>&1
t_check 'what only root can see is checked by root' eval "[ $? -eq 1 ] && grep -q 'a.conf:2:.*/private/none.sh' '$T/said'"
chmod 600 "$T/a.conf"
m a reload >"$T/said" 2>&1
t_check 'a file that the user may not read changes nothing' eval "[ $? -eq 1 ] && grep -q 'a.conf' '$T/said'"
chmod 644 "$T/a.conf"

kill_agent a TERM
t_check 'it ends well' [ "$exited" -eq 0 ]
t_wait 'and the steward with it' 5 gone "$steward"

conf ''
id_of() { m a -o json info | jq -r .agent.id; }
start_ready a 127.1.16.1 -c "$T/a.conf" -k
t_check 'with -k it stays root' [ "$(uids "${PID[a]}")" = '0 0 0 0' ]
id=$(id_of)
kill_agent a TERM
start_ready a 127.1.16.1 -c "$T/a.conf"
t_check 'what it wrote as root is the user'\''s again' [ "$(stat -c %U "$T/a/state/identity")" = nobody ]
t_check 'and it is who it was' [ "$(id_of)" = "$id" ]
kill_agent a TERM

# A user that comes later: nobody runs the script in its place.
printf '#!/bin/sh\nid -un >"%s/ghost"\n' "$T" >"$T/ghost.sh"
chmod 755 "$T/ghost.sh"
conf "handler \"ghost\" { on = {\"member-join\"} run = \"$T/ghost.sh\" user = \"no-such-user\" }"
start_ready a 127.1.16.1 -c "$T/a.conf"
t_wait 'a script whose user is not there is not run, and that is said' 5 log_has a 'ghost.*its user is not on this host'
t_check 'not as anybody else either' [ ! -e "$T/ghost" ]
t_wait 'other scripts run' 5 log_has a 'handler "root": member-join a root'
kill_agent a TERM

mkdir "$T/other"
: >"$T/other/precious"
"$BUILD/musterd" -n o -b 127.1.16.3 -c "$T/a.conf" -r "$T/o" -s "$T/other" >"$T/said" 2>&1
t_check 'a folder with anything else in it is not taken' eval "[ $? -eq 1 ] && [ \"\$(stat -c %U '$T/other' '$T/other/precious' | sort -u)\" = root ]"
t_check 'and it says what would do' grep -q "$T/other.*user" "$T/said"
