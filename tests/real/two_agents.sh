#!/usr/bin/env bash
# Two agents find each other; one is killed; the other tells it on events.sock, to the
# command line and to a handler.
. "$(dirname "$0")/lib.sh"

hook=$T/hook.sh
cat >"$hook" <<'HOOK'
#!/bin/sh
printf '%s %s %s %s %s ' "$MUSTER_EVENT" "$MUSTER_SELF" "$MUSTER_MEMBER_NAME" "$MUSTER_MEMBER_STATUS" "$MUSTER_TAG_ROLE"
cat
HOOK
chmod +x "$hook"
cat >"$T/a.conf" <<CONF
handler "note" { on = {"member-failed", "member-join"} match = {"role=db"} run = "$T/note.sh" }
CONF
printf '#!/bin/sh\n"%s" >>"%s"\n' "$hook" "$T/noted" >"$T/note.sh"
chmod +x "$T/note.sh"

start_ready a 127.1.1.1 -c "$T/a.conf"
follow_events a
t_check 'events.sock begins with a snapshot that names the agent itself' \
    jq -es '.[0].event == "snapshot" and .[0].members[0].name == "a"' "$T/a/events"
start_ready b 127.1.1.2 -j 127.1.1.1 -T role=db -T 'quote=a"b; echo $HOME'
t_wait 'a sees b' 5 sees a b alive
t_wait 'b sees a' 5 sees b a alive
t_wait 'the handler ran for the join' 5 grep -q '^member-join a b alive db ' "$T/noted"
t_check 'a tag with shell characters is what was given' \
    [ "$(m a members --tag role=db --format '{tag:quote}')" = 'a"b; echo $HOME' ]
t_check 'wait --alive 2 says yes' m a wait --alive 2 --timeout 5s

killed=$(now_ms)
kill_agent b KILL
t_wait 'the command line shows b failed' 10 sees a b failed
echo "# failed was seen $(($(now_ms) - killed)) ms after kill -9"
t_wait 'events.sock tells it' 5 grep -q '"event":"member-failed"' "$T/a/events"
t_wait 'the handler ran for the failure' 5 grep -q '^member-failed a b failed db {' "$T/noted"
t_check 'every event line is one JSON object, numbered without a hole' \
    jq -es '[.[].seq] as $s | all(range(1; $s | length); $s[.] == $s[. - 1] + 1)' "$T/a/events"
t_check 'the failed event has the member object' jq -es '
    [.[] | select(.event == "member-failed")] | length == 1 and (.[0].member |
    .name == "b" and .addr == "127.1.1.2" and .port == 7949 and .status == "failed" and
    .tags.role == "db" and (.id | length == 32))' "$T/a/events"
t_check 'explain answers for the failed member' m a explain b
m a wait --failed a --timeout 200ms >/dev/null 2>&1
t_check 'waiting for what does not come exits 4' [ $? -eq 4 ]
m a members --status alive -o json >"$T/json"
t_check 'JSON members is one document' jq -e . "$T/json"
"$BUILD/muster" -r "$T/nowhere" members >/dev/null 2>&1
t_check 'no agent to ask exits 3' [ $? -eq 3 ]
"$BUILD/muster" -r "$T/a/run" no-such-command >/dev/null 2>&1
t_check 'an unknown command exits 2' [ $? -eq 2 ]
t_check 'forget' m a forget b
t_wait 'takes it out of the list' 5 eval '! m a members | grep -q "^b "'
