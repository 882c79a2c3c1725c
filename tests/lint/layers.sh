#!/usr/bin/env bash
# Holds the tree to the rooms of rooms.txt: by the lines that include, by the symbols that each
# room's objects need, and by the libraries that each room may call.
# usage: layers.sh [BUILD_FOLDER]     (from anywhere; objects are looked at only if they are there)
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
build=${1:-.}
nm=${NM:-nm}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Libraries' symbols that a room must not need: the unprivileged agent touches no kernel table, the
# privileged steward runs no event loop and no core, and the ground knows none of our libraries.
forbidden='
agent/base  event_[^k]|evbuffer_|bufferevent_|evutil_|msgpack_|cfg_|mnl_|nft
agent/rpc  event_[^k]|evbuffer_|bufferevent_|evutil_|cfg_|mnl_|nft|gossip_
agent/config  event_[^k]|evbuffer_|bufferevent_|msgpack_|mnl_|nft
agent/steward  event_[^k]|evbuffer_|bufferevent_|msgpack_|cfg_|nft|gossip_new
agent/host     mnl_|nft|cfg_|msgpack_
agent/state    mnl_|nft|cfg_|msgpack_
agent/events   mnl_|nft|cfg_
agent/net      mnl_|nft|cfg_|msgpack_
agent/scripts  mnl_|nft|cfg_|msgpack_
agent/vip      mnl_|nft|cfg_|msgpack_
agent/control  mnl_|nft|cfg_
agent          mnl_|nft|cfg_|msgpack_
cli  event_[^k]|evbuffer_|bufferevent_|cfg_|mnl_|nft|gossip_new'
# gossip/core.h is the state that all rooms of gossip/ share: its own includes make no circle.
shared=' -> gossip/core\.h$'

# table: rooms.txt without its comments, and with its names for several rooms written out.
table() {
    sed 's/#.*//' "$here/rooms.txt" | awk '
        function out(word) { return word in names ? names[word] : word }
        !NF { next }
        { line = ""
          for (i = ($2 == "=" ? 3 : 1); i <= NF; i++) line = line " " out($i) }
        $2 == "=" { names[$1] = line; next }
        { print line }'
}
rooms() { awk '{ print $1 }' "$work/table"; }
# allowed: "FROM TO" for each room and each that it may include.
allowed() { awk '{ for (i = 1; i <= NF; i++) print $1, $i }' "$work/table"; }

# room_of: lines that begin with a path, each with the path's room before it.
room_of() {
    awk 'NR == FNR { known[$1] = 1; next }
        { folder = stem = $1
          sub(/\/[^\/]*$/, "", folder)
          sub(/\.[^.\/]*$/, "", stem)
          if (stem ~ /^cli\/sim/) stem = "cli/sim"
          print ($1 in known ? $1 : stem in known ? stem : folder), $0 }' "$work/table" -
}

# refused "FROM_ROOM TO_ROOM TEXT" lines: those whose pair of rooms is not allowed.
refused() {
    allowed | awk 'NR == FNR { ok[$1, $2] = 1; next }
        !(($1, $2) in ok) { $1 = $2 = ""; sub(/^ */, ""); print }' - "$work/pairs" | sort -u
}

# bad_includes TREE: include lines that go up, or sideways.
bad_includes() {
    (cd "$1" && grep -rHoE --include='*.[ch]' '^#include "[^"]+"' agent gossip cli 2>/dev/null) |
        sed 's/:#include "/ /; s/"$//' | room_of | awk '{ print $3, $1, $2 }' | room_of |
        awk '{ print $3, $1, $4 " -> " $2 }' >"$work/pairs"
    refused
}

# symbols BUILD TREE: "OBJECT U|D SYMBOL" of each room's objects; not of those whose source is gone.
symbols() {
    (cd "$1" && find agent gossip cli -name '*.o' | while read -r object; do
        [ ! -e "$2/${object%.o}.c" ] || echo "$object"
    done | xargs -r "$nm" -A 2>/dev/null) |
        sed 's/^\([^:]*\):[0-9a-f ]* \([A-Za-z]\) \(.*\)$/\1 \2 \3/' |
        awk '$2 == "U" { print $1, "U", $3 } $2 ~ /[TDBRV]/ { print $1, "D", $3 }'
}

# bad_calls BUILD TREE: symbols that a room takes from a room which is not below it.
bad_calls() {
    symbols "$1" "$2" | room_of >"$work/symbols"
    awk 'NR == FNR { if ($3 == "D" && $4 != "main") { room[$4] = $1; object[$4] = $2 } next }
        $3 == "U" && ($4 in room) { print $1, room[$4], $2 " -> " object[$4] " (" $4 ")" }' \
        "$work/symbols" "$work/symbols" >"$work/pairs"
    refused
}

# bad_libraries BUILD TREE: calls into libraries that a room must not know.
bad_libraries() {
    symbols "$1" "$2" | room_of >"$work/symbols"
    printf '%s\n' "$forbidden" | awk 'NR == FNR { if (NF) bad[$1] = "^(" $2 ")"; next }
        $3 == "U" && ($1 in bad) && $4 ~ bad[$1] { print $2 " -> " $4 }' - "$work/symbols" |
        sort -u
}

# circles: rooms that include one another in a circle, from the lines of the last bad_includes.
circles() {
    awk -v no="$shared" '$1 != $2 && $0 !~ no { print $1, $2 }' "$work/pairs" | sort -u |
        tsort 2>&1 >/dev/null | grep -v 'input contains a loop' | sed 's/^tsort: -: //'
}

# path_in ROOM: the path, without its ending, of a file that would be in it.
path_in() {
    case $1 in
    */*.h) echo "${1%.h}" ;;
    agent/host | gossip/fnv | gossip/rng | gossip/wire | gossip/outbox | cli/sim | gossip/*/member | gossip/*/profile | gossip/*/lease) echo "$1" ;;
    *) echo "$1/x" ;;
    esac
}

# Each rule is broken once in a tree of this script's own, and must then be named.
self_test() {
    local from to at of n=0 bad=0
    allowed | sort -u >"$work/allowed"
    for from in $(rooms); do
        at=$(path_in "$from")
        for to in $(rooms); do
            case $from in *.h) at=${from%.h}.h ;; *) at=$(path_in "$from").c ;; esac
            of=$(path_in "$to").h
            ! grep -qx "$from $to" "$work/allowed" || continue
            n=$((n + 1))
            mkdir -p "$work/tree/$(dirname "$at")"
            echo "#include \"$of\"" >"$work/tree/$at"
            bad_includes "$work/tree" | grep -qxF "$at -> $of" ||
                { echo "self-test: $at may include $of"; bad=1; }
            rm "$work/tree/$at"
        done
    done
    echo "# $n forbidden ways between rooms, each refused when it is gone"
    mkdir -p "$work/objects/agent/base" "$work/objects/agent/vip"
    printf 'int low_f(void);\nint low_f(void) { return 0; }\n' >"$work/objects/agent/vip/low.c"
    printf 'int low_f(void);\nint event_new(void);\nint up_f(void);\nint up_f(void) { return low_f() + event_new(); }\n' >"$work/objects/agent/base/up.c"
    ${CC:-cc} -c -o "$work/objects/agent/vip/low.o" "$work/objects/agent/vip/low.c" &&
        ${CC:-cc} -c -o "$work/objects/agent/base/up.o" "$work/objects/agent/base/up.c" || bad=1
    bad_calls "$work/objects" "$work/objects" 2>/dev/null | grep -qxF 'agent/base/up.o -> agent/vip/low.o (low_f)' ||
        { echo 'self-test: the ground may call agent/vip'; bad=1; }
    bad_libraries "$work/objects" "$work/objects" 2>/dev/null | grep -qxF 'agent/base/up.o -> event_new' ||
        { echo 'self-test: the ground may call libevent'; bad=1; }
    mkdir -p "$work/circle/agent/base" "$work/circle/agent/vip"
    echo '#include "agent/vip/y.h"' >"$work/circle/agent/base/x.c"
    echo '#include "agent/base/x.h"' >"$work/circle/agent/vip/y.c"
    bad_includes "$work/circle" >/dev/null
    [ -n "$(circles)" ] || { echo 'self-test: a circle was not seen'; bad=1; }
    return $bad
}

status=0
report() {
    local what=$1
    if [ -s "$work/found" ]; then
        echo "not ok - $what"
        sed 's/^/# /' "$work/found"
        status=1
    else
        echo "ok - $what"
    fi
}
table >"$work/table"
self_test >"$work/self" || cp "$work/self" "$work/found"
grep '^# ' "$work/self"
report 'each rule between rooms can fail'
bad_includes "$top" >"$work/found"
report 'rooms include only what is below them'
circles >"$work/found"
report 'no circle of includes between rooms'
if [ -e "$build/agent/main.o" ]; then
    bad_calls "$build" "$top" >"$work/found"
    report 'rooms call only what is below them'
    bad_libraries "$build" "$top" >"$work/found"
    report 'rooms call only the libraries that are theirs'
else
    echo "skipped - symbols between rooms ($build has no objects)"
fi
exit $status
