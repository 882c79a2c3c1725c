#!/bin/sh
# Appends one line for each event to a file.
#   handler "log" { on = {"member-join", "member-leave", "member-failed"} run = "/etc/muster/hooks/append-log.sh" }
set -eu
log=/var/log/muster-events.log
conf=${0%.sh}.conf # settings beside this script, as shell assignments
# shellcheck source=/dev/null
[ ! -r "$conf" ] || . "$conf"

printf '%s %s %s (%s) is %s, says %s\n' "$MUSTER_TIME" "$MUSTER_EVENT" "$MUSTER_MEMBER_NAME" \
    "$MUSTER_MEMBER_ADDR" "$MUSTER_MEMBER_STATUS" "$MUSTER_SELF" >>"$log"
