# Shared by the tests with faults in network namespaces; sourced by bash, as root. Hosts h1, h2, ...
# and a client c on one bridge, in namespaces of their own; what they do is watched by an oracle.
# All of it is in a network, mount and process namespace of this script's: nothing is left of it,
# however the script ends.
# shellcheck shell=bash disable=SC2034  # much is read by those who source this

if [ -z "${MUSTER_IN_RIG:-}" ]; then
    if [ "$(id -u)" -ne 0 ]; then
        echo "skipped - addresses in network namespaces (not root)"
        exit 0
    fi
    rig_unshare=(unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private)
    if ! "${rig_unshare[@]}" sh -c 'mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns &&
        ip netns add x && ip link add v type veth peer name eth0 netns x' >/dev/null 2>&1; then
        echo "skipped - addresses in network namespaces (this host allows none)"
        exit 0
    fi
    # Not the first process, for which the kernel ignores what it does not handle.
    MUSTER_IN_RIG=1 MUSTER_ALONE=1 exec "${rig_unshare[@]}" bash -c '"$@"; exit $?' - "$0" "$@"
fi
# shellcheck source=tests/real/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../real/lib.sh"
# Here a deadline is often a bound: the steward must act before the kernel does in its place.
PATIENCE=1
mkdir -p "$T/netns" && mount -t tmpfs tmpfs /run/netns || exit 2

ORACLE=$BUILD/tests/netns/oracle
NET=10.77.0 NET6=fd77:: CLIENT_AT=250
VIP=$NET.100 VIP6=${NET6}100
HOSTS=()
declare -A STEWARD=() WRAP=() SEEN=()

[ -x "$ORACLE" ] || { echo "$ORACLE: not there; make check builds it" >&2; exit 2; }

# ---- the network ----

# rig_up N: so many hosts, and the client. Frames from one port of the bridge to another are lost
# if the pair of them is in `cut`, and three of ten if it is in `lossy`.
rig_up() {
    local i
    ip link set lo up
    ip link add br0 type bridge
    ip link set br0 up
    for ((i = 1; i <= $1; i++)); do
        rig_host "h$i" "$i"
        HOSTS+=("h$i")
    done
    rig_host c "$CLIENT_AT"
    nft -f - <<'NFT'
table bridge rig {
    set cut { type ifname . ifname; }
    set lossy { type ifname . ifname; }
    chain forward {
        type filter hook forward priority 0;
        iifname . oifname @cut drop
        iifname . oifname @lossy numgen random mod 100 < 30 drop
    }
}
NFT
}

# rig_host NAME NUMBER: a namespace, with its link and addresses.
rig_host() {
    ip netns add "$1"
    ip -n "$1" link set lo up
    rig_port "$1" eth0 "v-$1"
    ip -n "$1" addr add "$NET.$2/24" dev eth0
    ip -n "$1" addr add "$NET6$2/64" dev eth0 nodad
}
# rig_port HOST INTERFACE PORT: a link from the host to the bridge.
rig_port() {
    ip link add "$3" type veth peer name "$2" netns "$1"
    ip link set "$3" master br0 up
    ip netns exec "$1" sysctl -q "net.ipv6.conf.$2.accept_dad=0"
    ip -n "$1" link set "$2" up
}

# The cable is pulled: the host notices.
unplug() { ip link set "v-$1" down; }
plug() { ip link set "v-$1" up; }

# one_way SET FROM TO...: frames from a host to others are in that set; mend: none is in any.
one_way() {
    local set=$1 from=$2 to
    shift 2
    for to in "$@"; do
        [ "$to" = "$from" ] || nft add element bridge rig "$set" "{ \"v-$from\" . \"v-$to\" }"
    done
}
# sever HOST OTHER...: nothing passes between them, and nobody notices.
sever() {
    local host=$1 other
    shift
    for other in "$@"; do
        [ "$other" = "$host" ] || { one_way cut "$host" "$other"; one_way cut "$other" "$host"; }
    done
}
mend() {
    local host
    nft flush set bridge rig cut
    nft flush set bridge rig lossy
    nft delete table netdev twice 2>/dev/null
    for host in "${HOSTS[@]}"; do plug "$host"; done
}
# everything_twice: what a host sends also comes to the next one, and what was for that, twice.
everything_twice() {
    local i rules=
    for ((i = 0; i < ${#HOSTS[@]}; i++)); do
        rules+="chain c$i { type filter hook ingress device \"v-${HOSTS[i]}\" priority 0;
            dup to \"v-${HOSTS[(i + 1) % ${#HOSTS[@]}]}\";
        }
        "
    done
    nft "table netdev twice { $rules }"
}

# ---- agents ----

joins() { printf "\"$NET.%s\", " "${HOSTS[@]#h}"; }
voters() { printf '"%s", ' "${HOSTS[@]}"; }

# configure HOST [TEXT]: its file; TEXT in the place of what all have: voters and one address.
# shellcheck disable=SC2120
configure() {
    local host=$1 list
    list=$(voters)
    mkdir -p "$T/$host"
    {
        echo "name = \"$host\"  cluster = \"rig\"  bind = \"$NET.${host#h}\""
        list=$(joins)
        echo "join = {${list%, }}"
        if [ $# -gt 1 ]; then echo "$2"; else
            quorum_text
            vip_text web "$VIP/32"
        fi
    } >"$T/$host/conf"
}
quorum_text() {
    local list
    list=$(voters)
    echo "quorum { voters = {${list%, }} }"
}
# vip_text NAME ADDRESS [MORE]
vip_text() { echo "vip \"$1\" { address = \"$2\"  interface = \"eth0\"  lease = \"$LEASE\"  ${3-} }"; }
LEASE=1s

# WRAP[HOST]: a command that the agent is run by.
start() {
    local host
    for host in "$@"; do
        # shellcheck disable=SC2086  # words of a command
        ip netns exec "$host" ${WRAP[$host]-} "$BUILD/musterd" -c "$T/$host/conf" -r "$T/$host/run" \
            -s "$T/$host/state" >>"$T/$host/log" 2>&1 &
        PID[$host]=$!
    done
    for host in "$@"; do
        STEWARD[$host]=
        wait_for 10 has_steward "$host"
    done
}
has_steward() {
    local pid pids
    read -ra pids <"/proc/${PID[$1]}/task/${PID[$1]}/children"
    for pid in "${pids[@]}"; do
        if [ "$(cat "/proc/$pid/comm")" = musterd:steward ]; then
            STEWARD[$1]=$pid
            return 0
        fi
    done
    return 1
}
runs() { [ -n "${PID[$1]-}" ] && kill -0 "${PID[$1]}" 2>/dev/null; }

# stop_all: all agents, in good order or not.
stop_all() {
    local host pids=()
    for host in "${!PID[@]}"; do
        kill -CONT "${PID[$host]}" "${STEWARD[$host]}" 2>/dev/null
        kill -TERM "${PID[$host]}" 2>/dev/null
        pids+=("${PID[$host]}")
    done
    wait_for 5 all_gone "${pids[@]}" || kill -KILL "${pids[@]}" 2>/dev/null
    for host in "${!PID[@]}"; do reap_agent "$host" 2>/dev/null; done
}
all_gone() {
    local pid
    for pid in "$@"; do gone "$pid" || [ "$(ps -o stat= -p "$pid")" = Z ] || return 1; done
}

# burn PROCESSES SECONDS: keeps the cores busy.
burn() {
    local n pids=()
    for ((n = 0; n < $1; n++)); do
        timeout "$2" sh -c 'while :; do :; done' &
        pids+=($!)
    done
    wait "${pids[@]}"
}

# ---- who has it ----

# said HOST [NAME]: the holder, as that host's agent says.
said() {
    timeout 3 "$BUILD/muster" -r "$T/$1/run" vip list 2>/dev/null |
        awk -v name="${2:-web}" '$1 == name { print $4 }'
}
carries() { [ -n "$(ip -n "$1" -o addr show to "${2:-$VIP}" 2>/dev/null)" ]; }
carriers() {
    local host found=
    for host in "${HOSTS[@]}"; do
        if carries "$host" "${1:-$VIP}"; then found+="$host "; fi
    done
    echo "${found% }"
}
nobody_carries() { [ -z "$(carriers "$@")" ]; }
is_held_by() { [ "$(said "$1" "${2:-web}")" = "$1" ] && [ "$(carriers)" = "$1" ]; }
holder() {
    local host
    for host in "${HOSTS[@]}"; do
        if is_held_by "$host"; then
            echo "$host"
            return 0
        fi
    done
    return 1
}
# others HOST: all hosts but that one.
others() {
    local host
    for host in "${HOSTS[@]}"; do [ "$host" = "$1" ] || echo "$host"; done
}
# is_elsewhere HOST: another one that lives holds it now.
is_elsewhere() {
    local host
    for host in $(others "$1"); do is_held_by "$host" && return 0; done
    return 1
}
# All run, all see all, all say that the same one holds it, and so it is.
is_steady() {
    local host at
    at=$(holder) || return 1
    for host in "${HOSTS[@]}"; do
        [ "$(said "$host")" = "$at" ] && sees_count "$host" alive "${#HOSTS[@]}" || return 1
    done
}

# ---- the oracle ----

# watch_begin [IP]: until watch_end, which fills SEEN with what it has found out.
watch_begin() {
    ip netns exec c "$ORACLE" eth0 "${1:-$VIP}" 0 "${HOSTS[@]}" >"$T/watch" 2>&1 &
    WATCH=$!
    wait_for 5 grep -qE ' holder |^oracle' "$T/watch"
    sleep 0.1
}
watch_end() {
    local key value
    SEEN=()
    [ -n "${WATCH-}" ] || return 0
    kill -TERM "$WATCH" 2>/dev/null
    wait "$WATCH"
    WATCH=
    while read -r key value; do
        case $key in [a-z]*) SEEN[$key]=$value ;; esac
    done <"$T/watch"
}
