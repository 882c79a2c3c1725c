#!/usr/bin/env bash
# A steward with many addresses: how long until it is ready, until all are held (fence armed, added,
# read back, announced), and until all are renewed. Prints; it judges nothing. In a network namespace
# of its own.
#
# usage: fence.sh [ADDRESSES [ROUNDS [DRIVER...]]]   (default: 256, 5, this build's steward_driver)
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${MUSTER_BUILD:-$here/../../build/gcc}
if [ -z "${MUSTER_IN_RIG:-}" ]; then
    MUSTER_IN_RIG=1 exec unshare --net "$0" "$@"
fi
count=${1:-256} rounds=${2:-5}
shift 2
[ $# -gt 0 ] || set -- "$BUILD/tests/netns/steward_driver"
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
ip link set lo up
ip link add vip0 type veth peer name cli0 && ip link set vip0 up && ip link set cli0 up
sleep 1.5
vips=()
for ((n = 0; n < count; n++)); do vips+=("10.77.$((n / 250)).$((n % 250 + 1))/32@vip0"); done

now_us() { awk '{ printf "%.0f\n", $1 * 1000000 }' /proc/uptime; }
# until_lines COUNT PATTERN: so many lines of what the driver said match.
until_lines() { while [ "$(grep -c "$2" "$T/said")" -lt "$1" ]; do sleep 0.02; done; }
first() { awk -v word="$1" '$2 == word { print $1; exit }' "$T/said"; }
last() { awk -v word="$1" '$2 == word { t = $1 } END { print t }' "$T/said"; }

# Renewals are answered in silence here; an address that is dropped after them says when they are done.
round() {
    local driver=$1 begun
    rm -f "$T/requests"
    mkfifo "$T/requests"
    : >"$T/said"
    "$driver" "${vips[@]}" <"$T/requests" >"$T/said" &
    exec 7>"$T/requests"
    until_lines 1 ' ready '
    printf 'ready %s' $(($(first ready) - $(first steward)))
    for ((n = 0; n < count; n++)); do echo "hold $n 30000"; done >&7
    until_lines "$count" ' held '
    printf ' held %s' $(($(last held) - $(first until)))
    begun=$(wc -l <"$T/said")
    { for ((n = 0; n < count; n++)); do echo "hold $n 30000"; done; echo 'drop 0'; } >&7
    until_lines 1 ' dropped '
    printf ' renewed %s\n' $(($(last dropped) - $(tail -n "+$((begun + 1))" "$T/said" | head -n 1 | cut -d ' ' -f 1)))
    echo quit >&7
    exec 7>&-
    wait
}

for ((r = 0; r < rounds; r++)); do
    for driver in "$@"; do echo "$driver $(round "$driver")"; done
done | tee "$T/rounds" >/dev/null
for driver in "$@"; do
    echo "$driver: $count addresses, median of $rounds, in ms"
    for column in 3:ready 5:held 7:renewed; do
        awk -v d="$driver" -v c="${column%:*}" '$1 == d { print $c }' "$T/rounds" | sort -n |
            awk -v what="${column#*:}" '{ v[NR] = $1 } END { printf "    %-8s %8.1f\n", what, v[int((NR + 1) / 2)] / 1000 }'
    done
done
