import { run } from '../process/run.ts';

export interface FscryptPolicy {
  /** Version 2 policies are named by their key: 32 hexadecimal digits. */
  readonly id: string;
  /** `partly`: the key was taken away while files were open; those can still be read. */
  readonly key: 'absent' | 'present' | 'partly';
}

/**
 * The encryption policy of a directory, asked of the kernel itself. Node has no ioctl(2); perl-base is part of every
 * Debian. Undefined where there is none, or a file system that knows no such thing.
 *
 * @throws Error when perl is not there: an unanswered question is no answer
 */
export async function fscryptPolicy(directory: string): Promise<FscryptPolicy | undefined> {
  const { exitCode, stdout, stderr } = await run(['perl', '-e', ASK, '--', directory]);
  const answer = /^(\d) ([0-9a-f]{32}) (\d+)$/.exec(stdout.trim());
  if (answer !== null) return { id: answer[2] ?? '', key: KEY_STATES[Number(answer[3])] ?? 'absent' };
  if (exitCode === 0 && stdout === 'none') return undefined;
  throw new Error(`the encryption policy of ${directory} cannot be read: ${stderr.trim() || `perl: ${exitCode}`}`);
}

const KEY_STATES = [undefined, 'absent', 'present', 'partly'] as const;

/**
 * FS_IOC_GET_ENCRYPTION_POLICY_EX, then FS_IOC_GET_ENCRYPTION_KEY_STATUS (linux/fscrypt.h). Version 1 policies, which no
 * tool makes any more, count as none. ENODATA, ENOTTY and EOPNOTSUPP are answers; anything else is an error.
 */
const ASK = `
use strict; use Errno qw(ENODATA ENOTTY EOPNOTSUPP EINVAL);
sysopen(my $d, $ARGV[0], 0) or die "$!\\n";
my $policy = pack('Q a24', 24, '');
if (!defined ioctl($d, 0xC0096616, $policy)) {
  if ($! == ENODATA || $! == ENOTTY || $! == EOPNOTSUPP || $! == EINVAL) { print 'none'; exit 0 }
  die "$!\\n";
}
my ($size, $version, $rest, $id) = unpack('Q C a7 a16', $policy);
if ($version != 2) { print 'none'; exit 0 }
my $status = pack('L L a32 x24 L L L x52', 2, 0, $id, 0, 0, 0);
defined ioctl($d, 0xC080661A, $status) or die "$!\\n";
print join(' ', $version, unpack('H*', $id), unpack('x64 L', $status));
`;
