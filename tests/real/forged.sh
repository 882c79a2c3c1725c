#!/usr/bin/env bash
# What a stranger sends stops no agent, changes nothing, and is not answered with more than it has.
. "$(dirname "$0")/lib.sh"

tags() { # five of them, as long as they may be together
    local i
    for i in 1 2 3 4 5; do printf -- '-T\nkey%d=%090d\n' "$i" 0; done
}
mapfile -t many < <(tags)

start_ready a 127.1.15.1 "${many[@]}"
start_ready b 127.1.15.2 -j 127.1.15.1 "${many[@]}"
start_ready c 127.1.15.3 -j 127.1.15.1 "${many[@]}"
t_wait 'three see each other' 10 eval 'sees_count a alive 3 && sees_count b alive 3 && sees_count c alive 3'

info() { m a info | awk -v key="$1" '$1 == key { print $2 }'; }
id=$(info id)
generation=$(info generation)
pid=${PID[a]}

# forge WHAT...: from an address where no agent is.
forge() { "$here/forge.pl" "$id" a 127.1.15.1 127.1.15.99 "$@"; }
undisturbed() {
    ! gone "$pid" && [ "$(info generation)" = "$generation" ] && sees_count b alive 3 &&
        sees b a alive && ! m a members --format '{name} {addr}\n' | grep -q 127.1.15.99
}
no_more_than_sent() {
    local sent received connections
    read -r _ sent _ received _ connections <<<"$(forge "$1")"
    echo "sent $sent received $received connections $connections"
    [ "$received" -le "$sent" ] && [ "$connections" -eq 0 ]
}

for what in digest join; do
    t_check "a forged $what is answered with no more than it has" no_more_than_sent "$what"
done
for what in self record stream-record refuse; do
    t_check "$what is sent" forge "$what"
    t_check "an agent goes on after a forged $what" undisturbed
done

# Two hosts with one name are found all the same: the later one ends, and says why.
start_agent a2 127.1.15.4 -n a -j 127.1.15.2
t_wait 'the later of two with one name ends' 10 gone "${PID[a2]}"
if gone "${PID[a2]}"; then reap_agent a2; else kill_agent a2; fi
t_check 'with status 3' [ "$exited" -eq 3 ]
t_check 'and names the earlier' log_has a2 127.1.15.1
t_check 'which goes on' undisturbed
