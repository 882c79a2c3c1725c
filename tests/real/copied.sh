#!/usr/bin/env bash
# Copies of a state directory: on another machine each is an identity of its own from the start; on
# what looks like the same machine, for its machine-id was copied too, from the second start on.
# A machine-id of its own needs root: the whole test then runs with an /etc/machine-id of its own.
if [ -z "${MUSTER_IN_MNTNS:-}" ] && unshare -m true 2>/dev/null; then
    MUSTER_IN_MNTNS=1 exec unshare -m "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"

id_of() { sed -n 's/^id //p' "$T/$1/state/identity"; }
machine() { printf '%s\n' "$1" >"$T/machine-id"; }
copy() {
    mkdir -p "$T/$2"
    cp -r "$T/$1/state" "$T/$2/"
}
sees_three() { sees_count a alive 3 && sees_count b alive 3 && sees_count c alive 3; }

one=11111111111111111111111111111111 other=22222222222222222222222222222222
if [ -n "${MUSTER_IN_MNTNS:-}" ]; then
    machine $one
    [ -e /etc/machine-id ] || : >/etc/machine-id
    mount --bind "$T/machine-id" /etc/machine-id
fi

start_ready a 127.1.14.1
kill_agent a TERM
for host in b c; do copy a $host; done
start_ready a 127.1.14.1
t_check 'the same machine keeps its identity' [ ! -e "$T/a/state/identity.bad" ]

if [ -n "${MUSTER_IN_MNTNS:-}" ]; then
    machine $other
    start_ready b 127.1.14.2 -j 127.1.14.1
    t_check 'on another machine a copy has a new identity' [ "$(id_of b)" != "$(id_of a)" ]
    t_check '... and the log says so' grep -q 'its identity is of another machine' "$T/b/log"
    t_check '... and the old one is kept' [ -e "$T/b/state/identity.bad" ]
    machine $one
else
    rm -r "$T/b/state"
    start_ready b 127.1.14.2 -j 127.1.14.1
    t_skip 'a copy on another machine (needs a mount namespace)'
fi

start_agent c 127.1.14.3 -j 127.1.14.1
reap_agent c
t_check "a copy of the machine's id too, beside the first: exit 1, for a restart helps" [ "$exited" -eq 1 ]
t_check '... and the log says so' grep -q 'uses the identity of this member' "$T/c/log"
start_ready c 127.1.14.3 -j 127.1.14.1
t_wait 'started again, it is a member beside the others' 15 sees_three
t_check 'of an identity of its own' [ "$(id_of c)" != "$(id_of a)" ]
