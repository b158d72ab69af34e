# restore_command of Vectabase: perl restore-wal.pl SOCKET %f %p
#
# Fetches a file of the archive from a running `vectabase backup restore` and writes it as the user that Postgres runs
# as: it could not read one of ours. Ends with 0 when the file is whole, with 44 when it is proved that there is none and
# that none is missing, and with 200 in every other case. The command makes 1 of the 44: Postgres takes any status up to
# 125 for the end of the archive and opens the database there, so a program that could not start must not end with 1.
use strict;

# As <sys/un.h> has it. The module Socket costs ten times as much as perl itself takes to start.
my $address = $^O eq 'linux' ? pack('Sa*x', 1, $ARGV[0]) : pack('CCa*x', 2 + length $ARGV[0], 1, $ARGV[0]);

my ($socket, $name, $path) = @ARGV;

sub fail {
    unlink $path;
    print STDERR "vectabase: $name is not restored: $_[0]\n";
    exit 200;
}

$SIG{__DIE__} = sub { fail($_[0]) };
$SIG{PIPE} = 'IGNORE';
$SIG{ALRM} = sub { fail('no byte for 10 minutes') };
alarm 600;

(my $beside = $socket) =~ s/sock\z/token/;
open(my $secret, '<', $beside) or fail("the restore does not run any more ($!)");
chomp(my $token = <$secret> // '');

socket(my $server, 1, 1, 0) or fail("socket: $!");
connect($server, $address) or fail("the restore does not answer ($!)");
binmode $server;
my $hello = "VTR1 $token $name\n";
(syswrite($server, $hello) // 0) == length $hello or fail("the restore hung up ($!)");

my $rest = '';
more($rest) until $rest =~ /\n/;
(my $answer, $rest) = split /\n/, $rest, 2;
exit 44 if $answer eq 'absent';
fail($answer) unless $answer =~ /^data (\d+)\z/;
my $left = $1;

open(my $file, '>:raw', $path) or fail("$path: $!");
while ($left > 0) {
    more($rest) if $rest eq '';
    my $part = substr($rest, 0, $left, '');
    $left -= length $part;
    print {$file} $part or fail("$path: $!");
}
close($file) or fail("$path: $!");
more($rest) until $rest =~ /\n/;
exit 0 if $rest eq "done\n";
fail('it is not whole');

sub more {
    my $got = sysread($server, my $part, 1048576);
    fail('the restore hung up') unless $got;
    alarm 600;
    $_[0] .= $part;
}
