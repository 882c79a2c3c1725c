#!/usr/bin/env bash
# Readers of events.sock that never read cost the others nothing.
. "$(dirname "$0")/lib.sh"
readers=${1:-1000} changes=${2:-5000}

ulimit -n "$(ulimit -Hn)" 2>/dev/null
start_ready a 127.1.5.1
start_ready b 127.1.5.2 -j 127.1.5.1
t_wait 'a sees b' 5 sees a b alive
rss() { awk '/^VmRSS/ { print $2 }' "/proc/${PID[a]}/status"; }
# Every change is told with about 700 bytes, so that they outgrow what the journal keeps.
filler=$(printf 'f%.0s' {1..400})
change() { m a tags "n=$1" "filler=$filler" >/dev/null; }
seen() { tail -n 1 "$T/a/events" | jq -e --arg n "$1" '.member.tags.n == $n'; }

follow_events a
for ((n = 1; n <= 100; n++)); do change $n; done
t_wait 'a reader sees changes' 10 seen 100
before=$(rss)
perl -MIO::Socket::UNIX -e '$| = 1;
    for (1 .. $ARGV[1]) { push @s, IO::Socket::UNIX->new(Peer => $ARGV[0]) || die "$_: $!\n" }
    print "connected\n"; sleep 3600' "$T/a/run/events.sock" "$readers" >"$T/idle" 2>&1 &
t_wait "$readers readers connect that never read" 20 grep -q connected "$T/idle"
connected=$(rss)
begun=$(now_ms)
for ((n = 101; n <= changes; n++)); do change $n; done
echo "# $((changes - 100)) changes in $(($(now_ms) - begun)) ms"
t_wait 'the one that reads sees the last change' 20 seen "$changes"
after=$(rss)
echo "# resident: $before kB, with $readers idle readers $connected kB, after $changes changes $after kB"
t_check 'it missed nothing: no gap, no hole' jq -es '([.[].seq] as $s |
    all(range(1; $s | length); $s[.] == $s[. - 1] + 1)) and all(.[]; .event != "gap")' "$T/a/events"
t_check 'every change was told' \
    [ "$(jq -r 'select(.event == "member-update" and .member.name == "a") | .member.tags.n' "$T/a/events" |
        sort -nu | wc -l)" -eq "$changes" ]
t_check 'memory is bounded: under 10 kB for each idle reader' \
    [ $((after - before)) -lt $((10 * readers + 4096)) ]
t_check 'b is still alive to a, a to b' eval 'sees a b alive && sees b a alive'
timeout 5 socat -u "UNIX-CONNECT:$T/a/run/events.sock" - 2>/dev/null | head -n 1 >"$T/late"
t_check 'one who comes late gets the snapshot' jq -e '.event == "snapshot"' "$T/late"
