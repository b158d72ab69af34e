import { userInfo } from 'node:os';
import { VectabaseError } from '../core/errors.ts';
import { run, type RunAs } from './run.ts';

/** The system user that servers run as when we are root: Postgres refuses to run as root at all. */
const SERVICE_USER = 'vectabase';

/**
 * Who servers run as: nobody else for an ordinary user; for root the system user `vectabase`, made when absent.
 *
 * @throws VectabaseError PRECONDITION_FAILED when it is absent and cannot be made
 */
export async function serviceUser(): Promise<RunAs | undefined> {
  if (!isRoot()) return undefined;
  const known = await lookUp(SERVICE_USER);
  if (known) return known;
  const made = await run([
    'useradd',
    '--system',
    '--user-group',
    '--no-create-home',
    '--home-dir',
    '/var/lib/vectabase',
    '--shell',
    '/usr/sbin/nologin',
    SERVICE_USER,
  ]);
  // Two starters may race to make it: what counts is that it is there afterwards.
  const user = await lookUp(SERVICE_USER);
  if (user) return user;
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `the system user ${SERVICE_USER} could not be made: ${made.stderr.trim() || `useradd ended with ${made.exitCode}`}`,
    hint: `Make it by hand (useradd --system --user-group --no-create-home ${SERVICE_USER}), or run the command as an ordinary user.`,
  });
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Can this identity go into a directory? Asked of the kernel by a child, so that ACLs and mount options count. */
export async function canEnter(directory: string, runAs: RunAs | undefined): Promise<boolean> {
  return (await run(['test', '-x', directory], { runAs })).exitCode === 0;
}

export function ownName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? '?'}`; // a container's numeric user has no passwd entry
  }
}

/** The name of a user id, or `uid 1000` when it has none. */
export async function nameOf(uid: number): Promise<string> {
  const { stdout } = await run(['getent', 'passwd', String(uid)]);
  return stdout.split(':')[0] || `uid ${uid}`;
}

async function lookUp(name: string): Promise<RunAs | undefined> {
  const { exitCode, stdout } = await run(['getent', 'passwd', name]);
  const [, , uid, gid] = stdout.trim().split(':');
  return exitCode === 0 && uid !== undefined && gid !== undefined
    ? { name, uid: Number(uid), gid: Number(gid) }
    : undefined;
}
