#!/usr/bin/env perl
# Sends an agent what a stranger can make up, from an address of the stranger's own, and counts what
# comes back there.
# usage: forge.pl ID NAME TO FROM WHAT...   ID: the agent's, 32 hex digits; TO, FROM: IPv4, port 7949
# WHAT: refuse, record (its name, and a great age), self (its id, and a great generation), digest, or
# join, each as one datagram (in the form of this version, and in that of the versions before); or
# stream-record, which is record on a connection whose other side refuses whatever it is asked.
# Prints "sent BYTES received BYTES connections COUNT".
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use Socket qw(inet_aton);

my ($id, $name, $to, $from, @what) = @ARGV;
my ($port, $mine, $key) = (7949, "\x99" x 16, "\x99" x 8);
my ($PING, $NEWS, $JOIN, $DIGEST, $REFUSE) = (1, 4, 5, 6, 8);
$id = pack 'H*', $id;

sub cluster {
    my $hash = 2166136261;
    $hash = (($hash ^ ord) * 16777619) & 0xffffffff for split //, 'default';
    return $hash;
}

sub packet {
    my ($kind, $sender, $body) = @_;
    return 'mu' . pack('CCN', 1, $kind, cluster()) . $sender . pack('Q>', 1) . $body;
}

# A full record: alive, at our address.
sub record {
    my ($of, $named, $generation, $age) = @_;
    return pack('C', 8) . $of . pack('Q>NN', $generation, 1, $age) . inet_aton($from)
        . pack('n', $port) . "\0" x 16 . pack('C', length $named) . $named . pack('n', 0);
}

my $older = record($mine, $name, 1, 0xffffffff);
my $fresh = record($mine, 'stranger', 1, 0);
my %datagrams = (
    refuse => [
        packet($REFUSE, substr($id, 0, 8), pack 'Q>', 0),
        packet($REFUSE, substr($id, 0, 8), pack('Q>Q>', 0, 0) . record($id, $name, 1, 0xffffffff)),
        packet($REFUSE, $key, pack('Q>Q>', 1, 0) . $older),
    ],
    record => [packet($NEWS, $key, $older), packet($JOIN, $key, pack('N', 1) . $older),
        packet($JOIN, $key, pack('Q>Q>', 1, 0) . $older)],
    self => [packet($NEWS, $key, record($id, $name, 1 << 42, 0))],
    digest => [packet($DIGEST, $key, pack 'CQ>', 0, 1), packet($DIGEST, $key, pack 'Q>Q>CQ>', 1, 0, 0, 1)],
    join => [packet($JOIN, $key, pack('N', 1) . $fresh), packet($JOIN, $key, pack('Q>Q>', 1, 0) . $fresh)],
);

my $udp = IO::Socket::INET->new(Proto => 'udp', LocalAddr => $from, LocalPort => $port,
    PeerAddr => $to, PeerPort => $port) or die "udp: $!";
my $listener = IO::Socket::INET->new(Proto => 'tcp', LocalAddr => $from, LocalPort => $port,
    Listen => 8, ReuseAddr => 1) or die "tcp: $!";
my $select = IO::Select->new($udp, $listener);
my ($sent, $received, $connections) = (0, 0, 0);

for my $what (@what) {
    if ($what eq 'stream-record') {
        my $tcp = IO::Socket::INET->new(Proto => 'tcp', LocalAddr => $from, PeerAddr => $to,
            PeerPort => $port) or die "connect: $!";
        syswrite $tcp, pack('N/a', packet($JOIN, $key, pack('Q>Q>', 1, 0) . $older));
        syswrite $tcp, pack('N/a', packet($NEWS, $key, $older));
        $select->add($tcp);
        next;
    }
    for my $datagram (@{ $datagrams{$what} }) {
        $udp->send($datagram);
        $sent += length $datagram;
    }
}

# What is asked for on a connection is refused, with what was asked.
sub refuse {
    my ($connection, $bytes) = @_;
    return unless length $bytes >= 36 && ord(substr $bytes, 7) == $JOIN;
    syswrite $connection,
        pack('N/a', packet($REFUSE, $key, substr($bytes, 28, 8) . pack('Q>', 0) . $older));
}

my $end = time + 4;
while (time < $end) {
    for my $ready ($select->can_read(0.2)) {
        if ($ready == $listener) {
            $connections++;
            $select->add(scalar $listener->accept);
        } elsif ($ready == $udp) {
            $udp->recv(my $bytes, 65536);
            $received += length($bytes // '');
        } elsif (sysread $ready, my $bytes, 65536) {
            $received += length $bytes;
            refuse($ready, $bytes);
        } else {
            $select->remove($ready);
        }
    }
}
print "sent $sent received $received connections $connections\n";
