#!/usr/bin/env bash
# Where answers take longer than detect allows, the log says so, and what the smallest possible is.
. "$(dirname "$0")/lib.sh"

# Agents at 127.1.13.N are known by 127.1.14.N, where a relay delays what they say to each other.
cat >"$T/relay.pl" <<'PERL'
use IO::Socket::INET; use IO::Select; use Time::HiRes 'time';
my ($delay, @hosts) = @ARGV;
my %relay = map { $_ => IO::Socket::INET->new(Proto => 'udp', LocalAddr => "127.1.14.$_", LocalPort => 7949) || die } @hosts;
my %host = map { $relay{$_} => $_ } @hosts;
my ($select, @waiting) = IO::Select->new(values %relay);
$| = 1;
print "ready\n";
for (;;) {
    for my $s ($select->can_read(0.001)) {
        my $from = $s->recv(my $bytes, 65536) or next;
        my (undef, $ip) = unpack_sockaddr_in($from);
        push @waiting, [time + $delay, (unpack 'C4', $ip)[3], $host{$s}, $bytes];
    }
    while (@waiting && $waiting[0][0] <= time) {
        my (undef, $from, $to, $bytes) = @{shift @waiting};
        $relay{$from}->send($bytes, 0, pack_sockaddr_in(7949, inet_aton("127.1.13.$to")));
    }
}
PERL
perl "$T/relay.pl" 0.06 1 2 >"$T/relay" 2>&1 &
t_wait 'the relay runs' 10 grep -q ready "$T/relay"
for i in 1 2; do
    echo 'detect = "500ms"' >"$T/any.conf"
    start_ready n$i 127.1.13.$i -a 127.1.14.$i -c "$T/any.conf" -j 127.1.14.1
done
t_wait 'they see each other' 10 eval 'sees n1 n2 alive && sees n2 n1 alive'
timing() { m n1 -o json info | jq -e ".timing | $1"; }
t_wait 'info shows how long answers take, and what detect could be' 20 \
    timing '.rtt_us > 100000 and .rtt_us < 300000 and .detect_ms == 500 and .detect_ms_min > 500'
t_wait 'the log warns and names the smallest possible' 30 \
    eval 'grep -Eq "\[WARN\].*detect \"500ms\": below the smallest possible [0-9.]+m?s where answers take 1[0-9.]+ ms" "$T/n1/log"'
sleep 15
t_check 'once' [ "$(grep -c 'below the smallest possible' "$T/n1/log")" -eq 1 ]
for i in 1 2; do kill_agent n$i TERM; done
