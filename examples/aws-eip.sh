#!/bin/sh
# Moves an address of a cloud, such as an Elastic IP of AWS, to the host that has just got a floating
# address. cloud-address.conf is a configuration for it, and says what the two have to do with each
# other.
#   vip "public" { address = "192.0.2.1/32" interface = "lo" hook = "/etc/muster/hooks/aws-eip.sh" timeout = "90s" }
#
# A cloud does as it is told last, whoever says it. So before each call the agent is asked whether this
# host still holds the floating address, and under the epoch that this run is for: a run that was held
# up, and is late, does nothing. A call that was on its way already is made up for by the next holder,
# who makes its own once more when that one must be over (again_s). What remains is a host that stops
# after it has asked, and wakes up later than that: its call takes the address away from the holder.
set -eu

# Settings are shell assignments beside this script, here in aws-eip.conf. These have no default:
allocation= # which address, such as eipalloc-0123456789abcdef0
instance=   # which machine this is, such as i-0123456789abcdef0
# One file can do for all hosts: case $MUSTER_SELF in db1) instance=i-... ;; db2) instance=i-... ;; esac
# Of the agent's environment a hook has only PATH: what else the command needs is to be set there, such
# as: export AWS_DEFAULT_REGION=eu-central-1

# What moves it: text for sh, which finds these two in its environment, and that of the hook. It has to
# succeed also where nothing is left to do. For OpenStack, with an address and a server's name:
# command='openstack server add floating ip "$instance" "$allocation"'
command='aws ec2 associate-address --allocation-id "$allocation" --instance-id "$instance" --allow-reassociation'
call_s=8   # a call that takes longer is ended, and has failed
tries=4    # before it is given up
pause_s=1  # between two
again_s=10 # until it is called once more; longer than call_s; 0: it is not
# With these, all of it takes 90 seconds at the most, and so should be the hook's timeout.
muster=muster
# Which epochs were here. To be removed should all voters have lost their state folders, and epochs
# begin anew.
seen=/run/muster-aws-eip.${MUSTER_VIP_NAME:?is missing: this is a hook of a vip, to be run by musterd}

conf=${0%.sh}.conf
# shellcheck source=/dev/null
[ ! -r "$conf" ] || . "$conf"
export allocation instance

fail() {
    echo "vip $MUSTER_VIP_NAME, epoch $MUSTER_VIP_EPOCH: $*" >&2
    exit 1
}

# Prints the highest epoch that any run here has had, ours included: after a new start of the agent, a
# run for the one before may be there still. Of this host's life only, as runs are.
highest_epoch() {
    (
        flock 9 || exit
        read -r last <&9 || last=0
        case $last in '' | *[!0-9]*) last=0 ;; esac
        if [ "$MUSTER_VIP_EPOCH" -gt "$last" ]; then
            last=$MUSTER_VIP_EPOCH
            echo "$last" >"$seen" || exit
        fi
        echo "$last"
    ) 9<>"$seen"
}

# True if this run is not late; false if that cannot be said now. One that is late ends here.
is_ours() {
    last=$(highest_epoch) || fail "$seen cannot be written; set seen in $conf"
    [ "$MUSTER_VIP_EPOCH" -ge "$last" ] || fail "too late, epoch $last was here: nothing was called"
    # NAME ADDRESS INTERFACE HOLDER EPOCH STATE
    vips=$(timeout 5 "$muster" vip list) || return 1
    held=$(echo "$vips" | awk -v vip="$MUSTER_VIP_NAME" '$1 == vip { print $4, $5 }')
    [ "$held" = "$MUSTER_SELF $MUSTER_VIP_EPOCH" ] ||
        fail "too late, the agent says \"$held\" (holder, epoch): nothing was called"
}

move() {
    try=1
    until is_ours && timeout -k 1 "$call_s" sh -c "$command"; do
        [ "$try" -lt "$tries" ] || fail "cannot move $allocation to $instance: $tries tries have failed"
        try=$((try + 1))
        sleep "$pause_s"
    done
}

case ${MUSTER_EVENT:-} in
vip-acquired) ;;
# Who gets the floating address next moves the cloud's; until then there is no better place for it.
vip-released | vip-conflict) exit 0 ;;
*) fail "\"${MUSTER_EVENT:-}\" is no event of a vip" ;;
esac
# The host that had it is told, too, when another has it.
[ "$MUSTER_VIP_HOLDER" = "$MUSTER_SELF" ] || exit 0
[ -n "$allocation" ] || fail "which address is to be moved? set allocation in $conf"
[ -n "$instance" ] || fail "which machine is this? set instance in $conf"

move
echo "$allocation is at $instance, epoch $MUSTER_VIP_EPOCH"
waited=0
while [ "$waited" -lt "$again_s" ]; do
    sleep 1
    waited=$((waited + 1))
    is_ours || true # asked again before it is called
done
[ "$again_s" -eq 0 ] || move
