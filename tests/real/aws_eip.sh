#!/usr/bin/env bash
# examples/aws-eip.sh with a command in the place of aws, and one in that of muster: what it is called
# with, and when it is not. Then, as root, run by an agent in a network namespace of its own.
. "$(dirname "$0")/lib.sh"

hook=$T/aws-eip.sh
settings=$T/aws-eip.conf
install -m 755 "$top/examples/aws-eip.sh" "$hook"
mkdir "$T/bin"
cat >"$T/bin/aws" <<AWS
#!/bin/sh
echo "\$*" >>"$T/calls"
fails=\$(cat "$T/fails" 2>/dev/null || echo 0)
[ "\$fails" -gt 0 ] || exit 0
echo \$((fails - 1)) >"$T/fails"
echo 'the cloud says no' >&2
exit 254
AWS
# The holder and the epoch that the agent says are in a file; without one it does not answer.
cat >"$T/bin/muster" <<MUSTER
#!/bin/sh
[ "\$*" = 'vip list' ] || exit 2
[ -e "$T/held" ] || { echo 'muster: no agent' >&2; exit 3; }
echo 'NAME    ADDRESS       INTERFACE  HOLDER  EPOCH  STATE'
echo "other   192.0.2.2/32  lo         db9     99     waiting"
echo "public  192.0.2.1/32  lo         \$(cat "$T/held")  holding"
MUSTER
chmod +x "$T/bin"/*
echo 'allocation=eipalloc-1 instance=i-1 again_s=0 pause_s=0.1 seen='"$T/seen" >"$settings.usual"

# fresh HOLDER EPOCH: nothing has happened yet, and the agent says that.
fresh() {
    rm -f "$T/calls" "$T/fails" "$T/seen" "$T/said" "$T/held"
    cp "$settings.usual" "$settings"
    [ $# -eq 0 ] || echo "$1 $2" >"$T/held"
}
# run EVENT HOLDER EPOCH: as musterd does, on db1; its exit status is left in `exited`.
run() {
    env -i "PATH=$T/bin:$PATH" MUSTER_EVENT="$1" MUSTER_SELF=db1 MUSTER_VIP_NAME=public \
        MUSTER_VIP_ADDRESS=192.0.2.1/32 MUSTER_VIP_INTERFACE=lo MUSTER_VIP_HOLDER="$2" \
        MUSTER_VIP_EPOCH="$3" "$hook" >"$T/said" 2>&1
    exited=$?
}
calls() { if [ -e "$T/calls" ]; then wc -l <"$T/calls"; else echo 0; fi; }
called() { [ "$(calls)" -eq "$1" ]; }
says() { grep -qF -- "$1" "$T/said" || { cat "$T/said"; false; }; }
succeeded() { [ "$exited" -eq 0 ] || { cat "$T/said"; false; }; }
failed_with() { [ "$exited" -eq 1 ] && says "$1"; }

fresh db1 7
run vip-acquired db1 7
t_check 'acquired: it succeeds' succeeded
t_check 'and has called aws as documented, once' [ "$(cat "$T/calls")" = \
    'ec2 associate-address --allocation-id eipalloc-1 --instance-id i-1 --allow-reassociation' ]
t_check 'and says what is where' says 'eipalloc-1 is at i-1, epoch 7'
run vip-acquired db1 7
t_check 'the same epoch again is no older one' eval 'succeeded && called 2'

for event in vip-released vip-conflict; do
    fresh db1 7
    run "$event" '' 7
    t_check "$event: nothing to do, nothing is called" eval 'succeeded && called 0'
done
fresh db2 8
run vip-acquired db2 8
t_check 'acquired by another host: nothing is called' eval 'succeeded && called 0'
run member-join db1 8
t_check 'an event of another kind is refused' failed_with '"member-join" is no event of a vip'

fresh db2 8
run vip-acquired db1 7
t_check 'late: another host has it under a newer epoch' \
    eval 'failed_with "too late, the agent says \"db2 8\"" && called 0'
fresh db1 9
run vip-acquired db1 7
t_check 'late: this host has it anew' eval 'failed_with "too late" && called 0'
fresh - 7
run vip-acquired db1 7
t_check 'late: nobody has it' eval 'failed_with "too late" && called 0'
fresh db1 7
echo 8 >"$T/seen"
run vip-acquired db1 7
t_check 'late: a newer epoch was here, whatever the agent says' \
    eval 'failed_with "too late, epoch 8 was here" && called 0'
fresh db1 7
echo garbage >"$T/seen"
run vip-acquired db1 7
t_check 'what cannot be read as an epoch is none' eval 'succeeded && grep -qx 7 "$T/seen"'
fresh db1 18
echo 9 >"$T/seen"
run vip-acquired db1 18
t_check 'epochs are numbers, not texts' eval 'succeeded && grep -qx 18 "$T/seen"'

fresh db1 7
echo 2 >"$T/fails"
run vip-acquired db1 7
t_check 'what fails twice is tried three times' eval 'succeeded && called 3'
fresh db1 7
echo 99 >"$T/fails"
run vip-acquired db1 7
t_check 'what fails always is given up after four' \
    eval 'failed_with "cannot move eipalloc-1 to i-1: 4 tries have failed" && called 4'
t_check 'with what the command said' says 'the cloud says no'
fresh db1 7
echo "command='echo call >>$T/calls; echo db2 8 >$T/held; false'" >>"$settings"
run vip-acquired db1 7
t_check 'lost while it is tried: not tried again' eval 'failed_with "too late" && called 1'
fresh
run vip-acquired db1 7
t_check 'nothing is called while the agent does not answer' \
    eval 'failed_with "4 tries have failed" && called 0 && says "no agent"'
fresh db1 7
echo "call_s=1 tries=2 command='echo call >>$T/calls; exec sleep 60'" >>"$settings"
begun=$(now_ms)
run vip-acquired db1 7
t_check 'a call that hangs is ended' \
    eval 'failed_with "2 tries have failed" && called 2 && [ $(($(now_ms) - begun)) -lt 10000 ]'

fresh db1 7
echo again_s=1 >>"$settings"
run vip-acquired db1 7
t_check 'it is called once more, when a call before it must be over' eval 'succeeded && called 2'
fresh db1 7
echo "again_s=3 command='echo call >>$T/calls; echo db2 8 >$T/held'" >>"$settings"
begun=$(now_ms)
run vip-acquired db1 7
t_check 'but not, and not waited for, when it is lost by then' \
    eval 'failed_with "too late" && called 1 && [ $(($(now_ms) - begun)) -lt 2500 ]'

fresh db1 7
echo 'command='\''echo "move $allocation to $instance for $MUSTER_VIP_NAME $MUSTER_VIP_EPOCH" >>'"$T/calls'" >>"$settings"
run vip-acquired db1 7
t_check 'any other command will do' eval 'succeeded && grep -qx "move eipalloc-1 to i-1 for public 7" "$T/calls"'

for key in allocation instance; do
    fresh db1 7
    echo "$key=" >>"$settings"
    run vip-acquired db1 7
    t_check "without $key it says so, and where" \
        eval 'failed_with "set $key in $settings" && called 0'
done
fresh db1 7
echo "seen=$T/nowhere/seen" >>"$settings"
run vip-acquired db1 7
t_check 'an epoch that cannot be kept is an error' eval 'failed_with "cannot be written" && called 0'
t_check 'by hand it says what it is for' eval '! "$hook" 2>"$T/said" && says "to be run by musterd"'

# The configuration that comes with it, and an agent that runs it.
sed "s|/etc/muster/hooks/|$T/|" "$top/examples/cloud-address.conf" >"$T/cloud.conf"
t_check 'cloud-address.conf is right' "$BUILD/musterd" -t -n web1 -c "$T/cloud.conf"
if ! unshare --net true 2>/dev/null; then
    t_skip 'an agent that runs the hook (needs root)'
    exit 0
fi
fresh
echo "muster=$BUILD/muster again_s=1" >>"$settings"
rm "$T/bin/muster"
sed -e 's/voters = .*/voters = {"web1"}/' -e '/^join/d' -e 's/lease = .*/lease = "1s"/' \
    "$T/cloud.conf" >"$T/one.conf"
mkdir "$T/web1"
PATH=$T/bin:$PATH unshare --net sh -c 'ip link set lo up && exec "$@"' - "$BUILD/musterd" -n web1 \
    -b 127.0.0.1 -c "$T/one.conf" -r "$T/web1/run" -s "$T/web1/state" 2>"$T/web1/log" &
PID[web1]=$!
t_wait 'an agent that gets the address runs the hook, which asks it, and calls aws' 20 called 1
t_wait 'and once more' 10 called 2
t_check 'as documented' eval '! grep -qvx "ec2 associate-address --allocation-id eipalloc-1 \
--instance-id i-1 --allow-reassociation" "$T/calls"'
t_check 'under the epoch that the agent says' \
    eval '[ "$(m web1 vip list | awk '\''$1 == "public" { print $5 }'\'')" = "$(cat "$T/seen")" ]'
kill_agent web1 TERM
t_check 'it leaves in good order, and nothing more is called' eval '[ "$exited" -eq 0 ] && called 2'
