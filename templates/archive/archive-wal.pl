# archive_command of Vectabase: perl archive-wal.pl SOCKET %p %f
#
# Hands a file of pg_wal to the daemon and waits until it is sealed and on disk. Ends with 0 then, and with 1 in every
# other case: Postgres keeps the file and tries again. Needs no more than Debian's perl-base.
use strict;

# As <sys/un.h> has it. The module Socket costs ten times as much as perl itself takes to start.
my $address = $^O eq 'linux' ? pack('Sa*x', 1, $ARGV[0]) : pack('CCa*x', 2 + length $ARGV[0], 1, $ARGV[0]);

my ($socket, $path, $name) = @ARGV;

sub fail {
    print STDERR "vectabase: $name is not archived: $_[0]\n";
    exit 1;
}

$SIG{__DIE__} = sub { fail($_[0]) };
$SIG{PIPE} = 'IGNORE';
$SIG{ALRM} = sub { fail('no answer within 20 seconds') };
alarm 20;

(my $beside = $socket) =~ s/sock\z/token/;
open(my $secret, '<', $beside) or fail("the daemon does not run here ($!)");
chomp(my $token = <$secret> // '');

open(my $file, '<:raw', $path) or fail("$path: $!");
my $left = (-s $file) || 0;

socket(my $daemon, 1, 1, 0) or fail("socket: $!");
connect($daemon, $address) or fail("the daemon does not answer ($!)");
binmode $daemon;

# After a refusal writing fails, and the answer that says why is there to be read.
send_all("VTA1 $token $name $left\n") and send_file();
shutdown($daemon, 1);

my $answer = '';
while (sysread($daemon, my $part, 1024)) { $answer .= $part }
exit 0 if $answer eq "ok\n" or $answer eq "same\n";
chomp $answer;
fail($answer =~ s/^no // ? $answer : 'the daemon hung up');

sub send_file {
    while ($left > 0) {
        my $got = sysread($file, my $part, $left < 1048576 ? $left : 1048576);
        fail("$path: $!") unless defined $got;
        fail("$path became shorter") if $got == 0;
        $left -= $got;
        send_all($part) or return;
    }
}

sub send_all {
    my ($bytes) = @_;
    my $at = 0;
    while ($at < length $bytes) {
        my $sent = syswrite($daemon, $bytes, length($bytes) - $at, $at);
        return 0 unless defined $sent;
        $at += $sent;
    }
    return 1;
}
