#!/usr/bin/env bash
# N agents: all see all; half of them cut off and healed come back to one view by themselves.
# usage: many.sh [N [SECONDS_OF_PARTITION]]
# The cut needs root: the whole test then runs in a network namespace of its own.
if [ "$(id -u)" -eq 0 ] && [ -z "${MUSTER_IN_NETNS:-}" ]; then
    MUSTER_IN_NETNS=1 exec unshare -n "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
n=${1:-32} partition_s=${2:-15}
[ -z "${MUSTER_IN_NETNS:-}" ] || ip link set lo up

# The first half listens on 127.2.0.x, the second on 127.3.0.x.
half=$((n / 2))
address() { if [ "$1" -le "$half" ]; then echo "127.2.0.$1"; else echo "127.3.0.$(($1 - half))"; fi; }
everybody() { seq -f 'n%g' 1 "$n"; }
all_see() {
    local name
    for name in $(everybody); do sees_count "$name" "$1" "$2" || return 1; done
}
start_agent n1 "$(address 1)"
for ((i = 2; i <= n; i++)); do start_agent "n$i" "$(address "$i")" -j "$(address 1)"; done
begun=$(now_ms)
t_wait "$n agents: all see all" 30 all_see alive "$n"
echo "# all see all $(($(now_ms) - begun)) ms after the last start"

for i in 3 $((half + 3)); do kill_agent "n$i" KILL; done
others=$(everybody | grep -vxE "n3|n$((half + 3))")
everybody() { echo "$others"; }
t_wait 'two killed: all others see them failed' 20 all_see failed 2
t_check 'and nobody else' all_see alive $((n - 2))

if [ -z "${MUSTER_IN_NETNS:-}" ]; then
    t_skip 'partition and healing (needs root, for a network namespace)'
    exit 0
fi
nft -f - <<'NFT'
table inet cut {
    chain in {
        type filter hook input priority 0;
        ip saddr 127.2.0.0/24 ip daddr 127.3.0.0/24 counter drop
        ip saddr 127.3.0.0/24 ip daddr 127.2.0.0/24 counter drop
    }
}
NFT
side_sees_failed() {
    local name
    for name in $others; do sees_count "$name" failed $((n - half + 1)) || return 1; done
}
t_wait 'cut in two: each side calls the other failed' $((partition_s + 30)) side_sees_failed
sleep "$partition_s"
nft list table inet cut | sed -n 's/.*\(counter.*\)/# cut: \1/p'
nft delete table inet cut
begun=$(now_ms)
t_wait 'healed: one view again, by itself' 30 all_see alive $((n - 2))
echo "# one view $(($(now_ms) - begun)) ms after the cut ended"
t_check 'the two killed are still failed' all_see failed 2
