#!/bin/sh
# Rewrites an nginx upstream file from the living members with a tag, and reloads nginx if the file
# changed. The port is the member's tag "port", 80 without one.
#   handler "nginx" { on = {"member-join", "member-leave", "member-failed", "member-update", "member-unreachable", "member-reachable"} run = "/etc/muster/hooks/nginx-upstream.sh" }
set -eu
upstream=web
file=/etc/nginx/conf.d/muster-web.conf
tag=role=web
reload='nginx -s reload'
muster=muster
conf=${0%.sh}.conf # settings beside this script, as shell assignments
# shellcheck source=/dev/null
[ ! -r "$conf" ] || . "$conf"

members=$("$muster" members --status alive --tag "$tag" --format '{addr} {tag:port}\n')
new=$(mktemp "$file.XXXXXX")
trap 'rm -f "$new"' EXIT
{
    echo "# Written by $0; changes here are lost."
    echo "upstream $upstream {"
    echo "$members" | sort |
        while read -r addr port; do
            [ -n "$addr" ] || continue
            # Tags are text from other hosts: only a port may reach the configuration.
            case $port in '' | *[!0-9]* | ??????*) port=80 ;; esac
            [ "$port" -ge 1 ] && [ "$port" -le 65535 ] || port=80
            case $addr in *:*) addr="[$addr]" ;; esac
            echo "    server $addr:$port;"
        done
    echo "}"
} >"$new"

# nginx refuses an upstream without servers; the last one known is better than none.
if ! grep -q '^    server ' "$new"; then
    echo "nobody alive has $tag: $file stays as it is"
    exit 0
fi
if cmp -s "$new" "$file"; then exit 0; fi
chmod 644 "$new"
mv "$new" "$file"
sh -c "$reload"
echo "$file: $(grep -c '^    server ' "$file") servers"
