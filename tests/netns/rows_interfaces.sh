# Rows of faults.sh: what other programs do with interfaces and their addresses. Sourced by it.
# shellcheck shell=bash disable=SC2154,SC2034,SC2004

# ---- addresses of the host's own ----

with_network() {
    local host
    for host in "${HOSTS[@]}"; do
        ip netns exec "$host" sysctl -q net.ipv4.conf.all.promote_secondaries=0 \
            net.ipv4.conf.eth0.promote_secondaries=0
        configure "$host" "$(quorum_text; vip_text web "$VIP/24")"
    done
}
# As dhclient-script and networkd do.
renew_address() {
    ip -n "$1" -4 addr flush dev eth0
    sleep "0.0$((RANDOM % 4))"
    ip -n "$1" addr add "$NET.${1#h}/24" dev eth0
}
has_own_first() {
    [ "$(ip -n "$1" addr show dev eth0 | awk '$1 == "inet" { print $2; exit }')" = "$NET.${1#h}/24" ]
}
row_dhcp_renewal() {
    local n at
    special=with_network fresh 1s
    claim 'all is well at first' wait_for 15 is_steady
    for ((n = 0; n < 5; n++)); do
        at=$(holder)
        renew_address "$at"
        claim "its own address is the first ($n)" wait_for 1 has_own_first "$at"
        claim "the host sends from it ($n)" \
            eval "ip -n $at route get $NET.$CLIENT_AT | grep -q 'src $NET.${at#h} '"
        claim "the vip is there ($n)" wait_for 1 carries "$at"
        claim "moved ($n)" m "$at" vip move web "$(others "$at" | head -n 1)"
        claim "another has it ($n)" wait_for 5 is_elsewhere "$at"
        claim "its own address stays ($n)" has_own_first "$at"
    done
    claim 'all see all' sees_count h1 alive 3
    NUMBERS="$n renewals and moves"
    CLUSTER=
}
