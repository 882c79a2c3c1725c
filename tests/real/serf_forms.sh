#!/usr/bin/env bash
# The same requests to a real Serf agent and to musterd: the answers have the same fields of the same
# types, each in its shortest msgpack form.
. "$(dirname "$0")/lib.sh"

command -v serf >/dev/null || { t_fail "serf is not installed (Debian: serf)"; exit 1; }
theirs=127.1.17.1 ours=127.1.17.2
serf agent -node=web1 -bind=$theirs:7946 -rpc-addr=$theirs:7373 -tag role=web >"$T/serf.log" 2>&1 &
echo "control { rpc = \"$ours:7373\" }" >"$T/a.conf"
start_ready a $ours -c "$T/a.conf" -T role=web
t_wait 'serf agent runs' 10 serf members -rpc-addr=$theirs:7373

# Sends requests one after the other, and prints what comes: for each object its shape, which is its
# fields, sorted, and their types. "LONG" marks a form longer than need be.
cat >"$T/shape.pl" <<'PERL'
use IO::Socket::INET; use IO::Select;
my ($host) = @ARGV;
my $socket = IO::Socket::INET->new(PeerAddr => "$host:7373") or die "$host: $!\n";
my $bytes = '';
sub str { my $s = shift; (length $s < 32 ? chr(0xa0 | length $s) : "\xd9" . chr length $s) . $s }
sub map_ { my $n = @_ / 2; chr(0x80 | $n) . join '', @_ }
sub more { my $n = shift; while (length $bytes < $n) {
    IO::Select->new($socket)->can_read(10) or die "no answer\n";
    sysread $socket, $bytes, 65536, length $bytes or die "closed\n" } }
sub take { my $n = shift; more($n); substr $bytes, 0, $n, '' }
sub number { my $n = shift; my $v = 0; $v = $v << 8 | ord for split //, take($n); $v }
sub sized { my ($n, $least, $what) = @_; my $v = number($n); ($v, $v < $least ? "LONG $what" : $what) }
sub container { my ($n, $what) = @_;
    return "[" . join(',', sort keys %{{map { shape() => 1 } 1 .. $n}}) . "]" if $what =~ /array/;
    my %fields; for (1 .. $n) { my $key = shape(1); $fields{$key} = shape() }
    ($what =~ /LONG/ ? 'LONG' : '') . "{" . join(',', map { "$_:$fields{$_}" } sort keys %fields) . "}" }
sub text { my ($n, $what, $is_key) = @_; my $s = take($n); $is_key ? $s : $what }
sub shape { my $is_key = shift; my $t = ord take(1);
    return 'int' if $t < 0x80 || $t >= 0xe0;
    return container($t & 15, 'map') if $t < 0x90;
    return container($t & 15, 'array') if $t < 0xa0;
    return text($t & 31, 'str', $is_key) if $t < 0xc0;
    return 'nil' if $t == 0xc0; return 'bool' if $t == 0xc2 || $t == 0xc3;
    return text(sized(1, 0, 'bin'), $is_key) if $t == 0xc4;
    return text(sized(2, 256, 'bin'), $is_key) if $t == 0xc5;
    return (sized(1, 128, 'int'))[1] if $t == 0xcc; return (sized(2, 256, 'int'))[1] if $t == 0xcd;
    return (sized(4, 65536, 'int'))[1] if $t == 0xce; return (sized(8, 1 << 32, 'int'))[1] if $t == 0xcf;
    return text(sized(1, 32, 'str'), $is_key) if $t == 0xd9;
    return text(sized(2, 256, 'str'), $is_key) if $t == 0xda;
    return container(sized(2, 16, 'array')) if $t == 0xdc; return container(sized(4, 65536, 'array')) if $t == 0xdd;
    return container(sized(2, 16, 'map')) if $t == 0xde; return container(sized(4, 65536, 'map')) if $t == 0xdf;
    sprintf 'type %02x', $t }
my $seq = 0;
sub ask { my ($command, $body, $objects) = @_;
    syswrite $socket, map_(str('Command'), str($command), str('Seq'), chr ++$seq) . ($body // '');
    print "$command: ", join(' ', map { shape() } 1 .. $objects), "\n" }
ask('handshake', map_(str('Version'), "\x01"), 1);
ask('members', undef, 2);
ask('members-filtered', map_(str('Name'), str('nobody')), 2);
ask('members-filtered', map_(str('Tags'), map_(str('role'), str('w.b')), str('Status'), str('alive')), 2);
ask('stats', undef, 2);
ask('join', map_(str('Existing'), "\x91" . str("$host:1"), str('Replay'), "\xc2"), 2);
ask('monitor', map_(str('LogLevel'), str('debug')), 3);
close $socket;
$socket = IO::Socket::INET->new(PeerAddr => "$host:7373"); $bytes = '';
ask('handshake', map_(str('Version'), "\x01"), 1);
ask('stream', map_(str('Type'), str('member-update')), 1);
ask('tags', map_(str('Tags'), map_(str('note'), str('x'))), 3); # the answer, and a record
ask('stop', map_(str('Stop'), "\x02"), 1);
ask('monitor', map_(str('LogLevel'), str('loud')), 1);
ask('stream', map_(str('Type'), str('member-exploded')), 1);
ask('force-leave', map_(str('Node'), str('web9')), 1);
ask('tags', map_(str('DeleteTags'), "\x91" . str('note')), 1);
ask('nonsense', undef, 1);
PERL
perl "$T/shape.pl" $theirs >"$T/theirs" 2>&1
perl "$T/shape.pl" $ours >"$T/ours" 2>&1
t_check 'Serf answers all requests' grep -q '^nonsense: {Error:str,Seq:int}$' "$T/theirs"
t_check 'musterd'\''s answers have the same fields and types' diff "$T/theirs" "$T/ours"
t_check 'and no form longer than need be' eval '! grep LONG "$T/ours"'
