#!/usr/bin/env bash
# Debian's serf and musterd, one after the other on this machine, measured in the same way.
# usage: versus_serf.sh [N [KILLS]]      (N agents each, default 32; KILLS of one each, default 5)
# MUSTER_BUILD: the folder with musterd (default: build/gcc). IDLE_S: the idle window, default 30.
# Runs in a network namespace of its own, so that what passes over loopback is theirs alone.
set -eu
cd "$(dirname "$0")/../.."
build=$(cd "${MUSTER_BUILD:-build/gcc}" && pwd)
for program in serf python3 unshare ip; do
    command -v "$program" >/dev/null || { echo "versus_serf: $program is missing" >&2; exit 1; }
done
namespace=(unshare --net)
[ "$(id -u)" -eq 0 ] || namespace=(unshare --map-root-user --net)
exec "${namespace[@]}" sh -c 'ip link set lo up && exec "$@"' sh \
    python3 tests/bench/versus_serf.py "$build/musterd" "${1:-32}" "${2:-5}" "${IDLE_S:-30}"
