# Rows of faults.sh: clocks, disks, resources, other hosts, the configuration. Sourced by it.
# shellcheck shell=bash disable=SC2154,SC2034,SC2004

# ---- the oracle itself ----

row_two_holders() {
    stop_all
    mend
    CLUSTER=
    ip -n h1 addr add "$VIP/32" dev eth0
    watch_begin
    sleep 0.5
    ip -n h2 addr add "$VIP/32" dev eth0
    sleep 0.5
    ip -n h1 addr del "$VIP/32" dev eth0
    ip -n h2 addr del "$VIP/32" dev eth0
    sleep 0.5
    watch_end
    NUMBERS="gap ${SEEN[gap_ms]} ms, dual ${SEEN[dual]}, dual_hosts ${SEEN[dual_hosts]}"
    claim 'two answered' [ "${SEEN[dual]}" -ge 10 ]
    claim 'two had it in use' [ "${SEEN[dual_hosts]}" -ge 10 ]
    claim 'it was gone at the end' [ "${SEEN[silent_ms]}" -ge 400 ]
}

# ---- clocks ----

shift_clock() { # HOST TIME_OF_DAY_S BOOTTIME_S
    perl -e 'print pack("q2", map { $_ * 1000000 } @ARGV)' -- "$2" "$3" |
        dd of="$T/$1/clock" conv=notrunc status=none
}
with_clocks() {
    local host
    for host in "${HOSTS[@]}"; do
        shift_clock "$host" 0 0
        WRAP[$host]="env LD_PRELOAD=$BUILD/tests/netns/clock_shift.so CLOCK_SHIFT=$T/$host/clock"
    done
}
clocked() {
    special=with_clocks fresh 1s
    claim 'all is well at first' wait_for 15 is_steady
    begin
}
row_clock_step() {
    local at
    clocked
    for at in 3600 -3600 0; do
        shift_clock "$AT" "$at" 0
        sleep 1.5
        if [ "$at" -ne 0 ]; then
            claim 'the clock has stepped' [ "$(log_hour "$AT")" != "$(date -u +%H)" ]
        fi
        m "$AT" reload
    done
    judge 100 0 0
}
log_hour() {
    m "$1" reload
    sleep 0.1
    tail -n 1 "$T/$1/log" | sed 's/.*T\([0-9]*\):.*/\1/'
}
row_resume() {
    clocked
    kill -STOP "${PID[$AT]}" "${STEWARD[$AT]}"
    shift_clock "$AT" 60 60
    kill -CONT "${PID[$AT]}" "${STEWARD[$AT]}"
    claim 'its lease counts as over' wait_for 2 log_has "$AT" 'dropped: expired'
    claim 'one takes it' wait_for 10 holder
    sleep 1
    judge 2500 0 1
}

# ---- disks ----

with_small_disks() {
    local host
    for host in "${HOSTS[@]}"; do
        mkdir "$T/$host/state"
        mount -t tmpfs -o size=64k tmpfs "$T/$host/state"
    done
}
disk_row() {
    echo 'cluster = "rig"' >"$T/more"
    special=with_small_disks fresh 1s
    claim 'all is well at first' wait_for 15 is_steady
    begin
    "$1" "$T/$AT/state"
    # There is something new to keep.
    timeout 3 ip netns exec c "$BUILD/musterd" -n more -b "$NET.$CLIENT_AT" -j "$NET.${AT#h}" \
        -c "$T/more" -r "$T/more.run" -s "$T/more.state" 2>"$T/more.log"
    sleep 2
    claim 'the log says what is wrong' grep -qE "\[(WARN|ERROR)\].*($2)" "$T/$AT/log"
    judge 100 0 0
}
fill() { dd if=/dev/zero of="$1/full" bs=4k status=none 2>/dev/null || :; }
# A file system in use cannot be made read-only.
make_read_only() { claim 'the folder can be made immutable' chattr +i "$1"; }
row_disk_full() { disk_row fill 'No space left'; }
row_read_only() {
    disk_row make_read_only 'not permitted'
    chattr -i "$T/$AT/state"
}

# ---- resources ----

row_descriptors() {
    local n refused=0
    standard 1s && begin
    prlimit --pid "${PID[$AT]}" --nofile=5:
    for ((n = 0; n < 20; n++)); do
        timeout 0.2 "$BUILD/muster" -r "$T/$AT/run" info >/dev/null 2>&1 || refused=$((refused + 1))
    done
    claim 'nobody is answered meanwhile' [ "$refused" -eq 20 ]
    sleep 2
    prlimit --pid "${PID[$AT]}" --nofile=1024:
    claim 'it answers again' wait_for 5 m "$AT" info
    judge 100 0 0
}
row_memory() {
    local n
    standard 1s && begin
    prlimit --pid "${PID[$AT]}" --as=1000000:
    for ((n = 0; n < 20; n++)); do
        timeout 0.2 "$BUILD/muster" -r "$T/$AT/run" members >/dev/null 2>&1
    done
    sleep 2
    if [ -e "/proc/${PID[$AT]}/exe" ]; then prlimit --pid "${PID[$AT]}" --as=unlimited:; else
        { reap_agent "$AT"; } 2>/dev/null
    fi
    claim 'one has it' holder
    judge 1500 0 1
}
starved() {
    standard 1s && begin
    burn "$((8 * $(nproc)))" "$1"
    sleep 2
    claim 'one has it' wait_for 10 holder
    judge - 0 10
}
row_starved() { starved 6; }
row_starved_long() { starved 60; }

# ---- other hosts ----

foreign_host() {
    ip netns list | grep -qw f || rig_host f 99
    ip netns exec f sysctl -q net.ipv4.conf.eth0.arp_notify=1
    foreign_mac=1
}
foreign_takes() { ip -n f addr add "$VIP/32" dev eth0; }
foreign_leaves() { ip -n f addr del "$VIP/32" dev eth0; }
# It says so on the link, as hosts do when their MAC changes.
foreign_announces() { ip -n f link set eth0 address "02:00:00:00:99:0$((foreign_mac++))"; }
log_of_any() { grep -qE -- "$1" "$T"/h?/log; }
row_foreign_before() {
    foreign_host
    foreign_takes
    fresh 1s
    claim 'an alarm names the other host' wait_for 8 log_of_any 'the host with the MAC .* has the address'
    claim 'an event says so' wait_for 2 log_of_any 'vip-conflict: web'
    watch_begin_early
    sleep 3
    claim 'nobody takes it' nobody_carries
    watch_end
    NUMBERS="dual ${SEEN[dual]}, moves ${SEEN[moves]}"
    claim 'the client sees only the other host' [ "${SEEN[dual]}" -eq 0 ]
    foreign_leaves
    claim 'when it has gone, one takes it' wait_for 15 is_steady
}
row_foreign_later() {
    standard 1s && begin
    CLUSTER=
    foreign_host
    foreign_takes
    foreign_announces
    claim 'it is defended' wait_for 3 log_has "$AT" 'has the address, too; defended once'
    sleep 1
    claim 'and held' carries "$AT"
    claim 'an event says so' log_has "$AT" 'vip-conflict: web'
    foreign_announces
    claim 'the second time it is let go' wait_for 5 eval "! carries $AT"
    sleep 3
    claim 'nobody else takes it' nobody_carries
    watch_end
    NUMBERS="of ours: dual ${SEEN[dual_hosts]}"
    claim 'never two of ours have it' [ "${SEEN[dual_hosts]}" -eq 0 ]
    foreign_leaves
    claim 'when it has gone, one takes it' wait_for 15 is_steady
}
# It answers who asks, and says nothing by itself.
row_foreign_silent() {
    standard 1s && begin
    CLUSTER=
    foreign_host
    ip netns exec f sysctl -q net.ipv4.conf.eth0.arp_notify=0
    foreign_takes
    claim 'it is found, and defended' wait_for 5 log_has "$AT" 'has the address, too; defended once'
    claim 'found again, it is let go' wait_for 8 eval "! carries $AT"
    sleep 2
    claim 'nobody else takes it' nobody_carries
    watch_end
    NUMBERS="of ours: dual ${SEEN[dual_hosts]}"
    claim 'never two of ours have it' [ "${SEEN[dual_hosts]}" -eq 0 ]
    foreign_leaves
    claim 'when it has gone, one takes it' wait_for 15 is_steady
}
row_removed_by_hand() {
    local n
    standard 1s && begin
    for n in 1 2 3; do
        ip -n "$AT" addr del "$VIP/32" dev eth0
        claim 'it is back' wait_for 1 carries "$AT"
        sleep 0.7
    done
    claim 'the log says so' log_has "$AT" 'the address was removed by another program; it is restored'
    judge 100 0 0
}
row_configured_by_hand() {
    fresh_with() { ip -n h1 addr add "$VIP/32" dev eth0; }
    special=fresh_with fresh 1s
    claim 'an alarm' wait_for 8 log_of_any 'cannot be held here: File exists|has the address'
    sleep 3
    claim 'an event says so' log_of_any 'vip-conflict: web'
    claim 'it is not touched' carries h1
    claim 'nobody else takes it' [ "$(carriers)" = h1 ]
    stop_all
    claim 'and still there at the end' carries h1
    ip -n h1 addr del "$VIP/32" dev eth0
    NUMBERS="carried by h1"
}

# ---- it cannot be added ----

with_second_link() {
    local host
    for host in "${HOSTS[@]}"; do
        ip netns exec "$host" sysctl -q net.ipv4.conf.all.arp_ignore=1
        rig_port "$host" eth1 "w-$host"
        configure "$host" "$(quorum_text; vip_text web "$VIP/32" | sed 's/eth0/eth1/')"
    done
}
row_no_device() {
    local host heir
    special=with_second_link fresh 1s
    claim 'all is well at first' wait_for 15 is_steady
    begin
    heir=$(others "$AT" | head -n 1)
    ip -n "$heir" link del eth1
    m "$AT" vip move web "$heir" >/dev/null 2>&1
    claim 'who cannot hold it gives it back' wait_for 10 eval "holder && ! is_held_by $heir"
    claim 'and says why' log_has "$heir" 'cannot be held here: interface eth1 is not there'
    AT=$(holder)
    sleep 0.5
    for host in "${HOSTS[@]}"; do ip -n "$host" link show eth1 >/dev/null 2>&1 || heir=$host; done
    ip -n "$AT" link del eth1
    claim 'the last that can takes it' wait_for 15 is_elsewhere "$AT"
    judge 7000 1 4
    for host in "${HOSTS[@]}"; do
        ip -n "$host" link del eth1 2>/dev/null
        ip netns exec "$host" sysctl -q net.ipv4.conf.all.arp_ignore=0
    done
}
without_right() { WRAP[h1]='setpriv --bounding-set=-net_admin --inh-caps=-net_admin'; }
row_no_right() {
    special=without_right fresh 1s
    claim 'another takes it' wait_for 15 is_elsewhere h1
    begin
    m "$AT" vip move web h1 >/dev/null 2>&1
    claim 'it comes back' wait_for 10 is_elsewhere h1
    claim 'h1 says why' log_has h1 'cannot be held here: .*Operation not permitted'
    sleep 1
    judge 1500 0 3
}

# ---- the configuration ----

row_reloads() {
    local n
    standard 1s && sleep 3.5 && begin # what is announced of the takeover
    burn 2 4 &
    for ((n = 0; n < 20; n++)); do
        m "$AT" reload || WRONG+=("no: reload $n")
        sleep 0.1
    done
    sleep 0.5
    judge 100 0 0
    claim "no announcements (${SEEN[announced]})" [ "${SEEN[announced]}" -le 1 ]
}
# everywhere TEXT: all hosts take that on, beside the voters.
everywhere() {
    local host
    for host in "${HOSTS[@]}"; do
        configure "$host" "$(quorum_text; echo "$1")"
        m "$host" reload || return 1
    done
}
one_carries() { [ "$(carriers "$1" | wc -w)" -eq 1 ]; }
knows_only() { # HOST NAMES
    [ "$(m "$1" -o json vip list | jq -r '[.vips[].name] | sort | join(" ")')" = "$2" ]
}
row_reload_vips() {
    standard 1s && begin
    CLUSTER=
    claim 'one is added' everywhere "$(vip_text more "$NET.101/32"; vip_text web "$VIP/32")"
    claim 'and held' wait_for 5 one_carries "$NET.101"
    claim 'its address changes' everywhere "$(vip_text web "$VIP/32"; vip_text more "$NET.102/32")"
    claim 'the old one is gone' nobody_carries "$NET.101"
    claim 'the new one is held' wait_for 5 one_carries "$NET.102"
    claim 'both are known' knows_only "$AT" 'more web'
    claim 'it is taken out' everywhere "$(vip_text web "$VIP/32")"
    claim 'and is gone' nobody_carries "$NET.102"
    claim 'also to who asks' knows_only "$AT" web
    judge 100 0 0
    claim 'the last is taken out' everywhere ''
    claim 'and is gone, too' nobody_carries
}
with_other_vips() {
    configure h1 "$(quorum_text; vip_text web "$VIP/32"; vip_text one "$NET.101/32")"
    configure h3 "$(quorum_text; vip_text three "$NET.103/32"; vip_text web "$VIP/32")"
}
row_vips_differ() {
    special=with_other_vips fresh 1s
    claim 'one has the address that all know' wait_for 10 is_steady
    begin
    claim 'who alone knows one has it' wait_for 5 carries h1 "$NET.101"
    claim 'and who knows the other' wait_for 5 carries h3 "$NET.103"
    claim 'and nobody else' [ "$(carriers "$NET.101") $(carriers "$NET.103")" = 'h1 h3' ]
    sleep 2
    judge 100 0 0
}
with_other_voters() {
    configure h3 "quorum { voters = {\"h2\", \"h3\", \"h4\"} }
$(vip_text web "$VIP/32")"
}
row_voters_differ() {
    special=with_other_voters fresh 1s
    claim 'one has it' wait_for 10 holder
    begin
    sleep 4
    claim 'one has it still' holder
    claim 'the log names the host' log_has h1 'h3 has a different list of voters'
    claim 'muster vip explain names the host' eval "m h1 vip explain web | grep -q 'h3: .*another list'"
    judge 100 0 0
}

# ---- what never ends ----

with_hung_hooks() {
    local host
    printf '#!/bin/sh\nexec sleep 1000\n' >"$T/hang"
    chmod 755 "$T/hang"
    for host in "${HOSTS[@]}"; do
        configure "$host" "$(quorum_text; vip_text web "$VIP/32" "hook = \"$T/hang\"  timeout = \"60s\"")"
    done
}
row_hung_hook() {
    special=with_hung_hooks fresh 1s
    claim 'all is well at first' wait_for 15 is_steady
    fails_over 50 to_another
    claim 'all see all' sees_count "$AT" alive 3
    fails_over 1500 kill_only
}

# ---- what is run on the way out ----

# Each change takes a second, and is written down with its host when it has been dealt with; what is
# released by a host that has "$T/HOST/hang" never is.
with_slow_hooks() {
    local host
    printf '%s\n' '#!/bin/sh' "cd '$T'" \
        '[ "$MUSTER_EVENT" = vip-released ] && [ -e "$MUSTER_SELF/hang" ] && exec sleep 1000' \
        'sleep 1; echo "$MUSTER_SELF $MUSTER_EVENT" >>hooked' >"$T/slow"
    chmod 755 "$T/slow"
    : >"$T/hooked"
    for host in "${HOSTS[@]}"; do
        configure "$host" "$(quorum_text; vip_text web "$VIP/32" "hook = \"$T/slow\"  timeout = \"3s\"")"
    done
}
row_sigterm_hook() {
    special=with_slow_hooks fresh 1s
    claim 'all is well at first' wait_for 15 is_steady
    wait_for 5 grep -q vip-acquired "$T/hooked"
    fails_over 50 terminate
    claim 'the hook ran at the planned stop' grep -qx "$AT vip-released" "$T/hooked"
    claim 'nothing was left out' eval '! log_has "$AT" "not run"'
    start "$AT"
    claim 'all is well again' wait_for 15 is_steady
    AT=$(holder)
    : >"$T/$AT/hang"
    fails_over 50 terminate
    claim 'a hook that hangs is ended at its timeout' log_has "$AT" 'after its timeout'
}
forget_vip() {
    configure "$1" "$(quorum_text)"
    claim 'muster reload says yes' m "$1" reload
}
row_reload_hook() {
    special=with_slow_hooks fresh 1s
    claim 'all is well at first' wait_for 15 is_steady
    wait_for 5 grep -q vip-acquired "$T/hooked"
    fails_over 50 forget_vip
    claim 'the hook ran for what was taken out' wait_for 5 grep -qx "$AT vip-released" "$T/hooked"
}
with_blocked_logs() {
    local host
    for host in "${HOSTS[@]}"; do
        mkfifo "$T/$host/log"
        sleep 1000 <>"$T/$host/log" &
        sed -i '1i log_level = "debug"' "$T/$host/conf"
    done
}
row_blocked_log() {
    local n
    special=with_blocked_logs fresh 1s
    claim 'all is well at first' wait_for 15 is_steady
    begin
    for ((n = 0; n < 200; n++)); do m "$AT" reload; done
    # shellcheck disable=SC2094  # it is full then, and stays so
    timeout 1 dd if=/dev/zero of="$T/$AT/log" bs=64k 2>/dev/null
    claim 'the log is full' [ $? -eq 124 ]
    for ((n = 0; n < 100; n++)); do m "$AT" reload; done
    sleep 3
    judge 100 0 0
    for host in "${HOSTS[@]}"; do
        kill_agent "$host"
        rm -f "$T/$host/log"
        : >"$T/$host/log"
    done
}

# ---- many ----

with_200() {
    local host text
    text=$(quorum_text; for ((n = 1; n <= 200; n++)); do vip_text "web$n" "10.77.1.$n/32"; done)
    for host in "${HOSTS[@]}"; do configure "$host" "$text"; done
}
carried_of_200() {
    for host in "${HOSTS[@]}"; do ip -n "$host" -o addr show to 10.77.1.0/24; done | wc -l
}
all_200() { [ "$(carried_of_200)" -eq 200 ]; }
none_of_200() { [ "$(ip -n "$1" -o addr show to 10.77.1.0/24 | wc -l)" -eq 0 ]; }
row_vips_200() {
    local host most=0 count
    special=with_200 fresh 1s
    ip -n c route replace 10.77.1.0/24 dev eth0
    claim 'all 200 are held' wait_for 20 all_200
    for host in "${HOSTS[@]}"; do
        count=$(ip -n "$host" -o addr show to 10.77.1.0/24 | wc -l)
        if [ "$count" -gt "$most" ]; then most=$count AT=$host; fi
    done
    local ip
    ip=$(ip -n "$AT" -o addr show to 10.77.1.0/24 | awk '{ sub(/\/.*/, "", $4); print $4 }' | tail -n 1)
    watch_begin "$ip"
    sleep 10
    judge 100 0 0
    watch_begin "$ip"
    kill_agent "$AT"
    claim 'its steward keeps them to their time' wait_for 5 none_of_200 "$AT"
    claim 'all 200 are held again' wait_for 20 all_200
    sleep 1
    claim 'and still' all_200
    judge 1500 1 1
}

# ---- links ----

row_mac_change() {
    standard 1s && begin
    ip -n "$AT" link set eth0 address 02:00:00:00:77:01
    sleep 3
    claim 'one has it' holder
    judge 1500 1 2
    claim "announced anew (${SEEN[announced]})" [ "${SEEN[announced]}" -ge 1 ]
}
# Linux answers for an address of any link on all of them, so that the client sees two MACs.
row_second_link() {
    standard 1s && begin
    rig_port "$AT" eth1 "w-$AT"
    ip -n "$AT" addr add "${NET%.*}.78.1/24" dev eth1
    sleep 8
    claim 'its own answers are no conflict' eval "! log_has $AT 'has the address, too'"
    claim 'it is held' carries "$AT"
    watch_end
    NUMBERS="gap ${SEEN[gap_ms]} ms, of ours: dual ${SEEN[dual_hosts]}"
    claim 'never two of ours have it' [ "${SEEN[dual_hosts]}" -eq 0 ]
    claim 'the client had answers all the time' [ "${SEEN[gap_ms]}" -le 300 ]
    ip link del "w-$AT"
    CLUSTER=
}
bounce() {
    ip -n "$1" link set eth0 down
    sleep "$2"
    ip -n "$1" link set eth0 up
    ip -n "$1" addr replace "$NET6${1#h}/64" dev eth0 nodad
}
row_link_bounce() {
    standard 1s && begin
    bounce "$AT" 0.1
    sleep 3
    claim 'one has it' holder
    judge 1500 0 2
}
with_ipv6() {
    local host
    for host in "${HOSTS[@]}"; do configure "$host" "$(quorum_text; vip_text web "$VIP6/128")"; done
}
ipv6_row() {
    local VIP=$VIP6
    special=with_ipv6 fresh 1s
    claim 'all is well at first' wait_for 15 is_steady
    "$@"
}
row_ipv6() { ipv6_row fails_over 1500 unplug; }
bounced6() {
    begin
    bounce "$AT" 0.1
    sleep 3
    claim 'one has it' holder
    judge 1500 0 2
}
row_ipv6_bounce() { ipv6_row bounced6; }

# ---- what firewalls do ----

no_udp() {
    nft "table bridge no_udp { chain forward {
        type filter hook forward priority 0; ether type ip udp dport 7949 drop; }; }"
}
udp_again() { nft delete table bridge no_udp 2>/dev/null; }
row_udp_blocked() {
    local to
    standard 1s && begin
    to=$(others "$AT" | tail -n 1)
    CLUSTER=
    claim "UDP is dropped" no_udp
    sleep 4
    claim 'it is held where it was' carries "$AT"
    claim 'every voter agrees' eval "[ \$(m $AT vip explain web | grep -c ': agrees') = 3 ]"
    claim 'it is moved' m "$AT" vip move web "$to"
    claim 'and held there' wait_for 5 carries "$to"
    claim 'muster lock works' timeout 10 "$BUILD/muster" -r "$T/$AT/run" lock udp -- true
    judge 300 1 1
    udp_again
}

# ---- packets of strangers ----

forge() {
    cat <<'PERL'
use IO::Socket::INET; use Socket; use Time::HiRes qw(time sleep);
my ($to, $from_h2) = @ARGV;
my $s = IO::Socket::INET->new(Proto => 'udp', PeerAddr => $to, PeerPort => 7949) or die;
my @heard;
socket(my $raw, 17, 3, unpack('n', pack('S', 3))) or die "raw: $!"; # all frames of h2's link
my $end = time + 2;
while (time < $end && @heard < 300) {
    my $r = ''; vec($r, fileno($raw), 1) = 1;
    next unless select($r, undef, undef, 0.1);
    recv($raw, my $frame, 65536, 0);
    next unless unpack('x12n', $frame) == 0x0800 && unpack('x23C', $frame) == 17;
    push @heard, substr($frame, 42) if unpack('x36n', $frame) == 7949;
}
printf "heard %d\n", scalar @heard;
my $sent = 0;
sub out { $sent += defined(send($s, $_[0], 0)); sleep 0.001 unless $sent % 20 }
for my $round (1 .. 5) {
    for my $packet (@heard) {
        out($packet);                                                 # replayed
        out(substr($packet, 0, int rand(length($packet) + 1)));       # truncated
        my $bent = $packet;
        substr($bent, int rand(length $bent), 1) = chr int rand 256;  # forged
        out($bent);
        out($packet . 'x' x int rand 1400);                           # too long
    }
}
for (1 .. 3000) { out(join '', map { chr int rand 256 } 1 .. rand 600) }
out('x' x 60000) for 1 .. 50;
print "sent $sent\n";
PERL
}
row_forged() {
    local other malformed
    standard 1s && begin
    other=$(others "$AT" | head -n 1)
    forge >"$T/forge.pl"
    ip netns exec "$other" perl "$T/forge.pl" "$NET.${AT#h}" >"$T/forged" 2>&1
    claim "packets were heard and sent: $(tr '\n' ' ' <"$T/forged")" grep -q 'sent [1-9][0-9][0-9]' "$T/forged"
    sleep 1
    malformed=$(m "$AT" -o json info | jq '[.. | objects | to_entries[] | select(.key | test("malformed|bad|refused|dropped")) | .value | numbers] | add')
    judge 100 0 0
    NUMBERS+=", $(tr '\n' ' ' <"$T/forged") counted ${malformed:-0}"
    claim "they are counted (${malformed:-0})" [ "${malformed:-0}" -gt 100 ]
    claim 'all see all' sees_count "$AT" alive 3
}
