#!/bin/sh
# Pages somebody: hands one line of text to a command, on its standard input; without one, it is
# printed, and so goes to the agent's log.
#   handler "page" { on = {"member-failed"} match = {"role=db"} run = "/etc/muster/hooks/page.sh" timeout = "30s" }
set -eu
pager='cat' # such as: curl -fsS --max-time 10 --data-binary @- https://pager.example/muster
conf=${0%.sh}.conf # settings beside this script, as shell assignments
# shellcheck source=/dev/null
[ ! -r "$conf" ] || . "$conf"

# $pager is the operator's own text and runs as code; what a member says is only ever data.
printf '%s: %s (%s) is %s, seen by %s at %s\n' "$MUSTER_EVENT" "$MUSTER_MEMBER_NAME" \
    "$MUSTER_MEMBER_ADDR" "$MUSTER_MEMBER_STATUS" "$MUSTER_SELF" "$MUSTER_TIME" |
    sh -c "$pager"
