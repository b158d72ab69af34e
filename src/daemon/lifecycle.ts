import { fstatSync } from 'node:fs';
import { assetPath } from '../foundation/core/assets.ts';
import { VectabaseError } from '../foundation/core/errors.ts';

/**
 * Resolves with the reason for the first of: SIGTERM, SIGINT, the parent gone. A parent is one that holds our stdin
 * as a pipe, or an IPC channel: when it dies in any way, kill -9 too, the kernel closes its end. A terminal or
 * /dev/null (systemd) is no parent. Later signals are ignored: the drain has its own limit.
 */
export async function untilStopped(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve(signal));
    if (process.channel) process.once('disconnect', () => resolve('parent gone'));
    if (!isPipe(0)) return;
    for (const event of ['end', 'close', 'error']) process.stdin.once(event, () => resolve('parent gone'));
    process.stdin.resume();
  });
}

/** True when root has to be given up, and can only be by each process itself. */
export function mustBecome(runAs: { uid: number } | undefined): boolean {
  return runAs !== undefined && process.getuid?.() !== runAs.uid;
}

/**
 * Gives up root for good. Everything must be loaded before: the code may lie where this user cannot read.
 *
 * @throws VectabaseError CONFIG_INVALID when we are not root and not that user either
 */
export function become({ uid, gid }: { uid: number; gid: number }): void {
  if (process.getuid?.() === uid && process.getgid?.() === gid) return;
  if (process.getuid?.() !== 0 || !process.setgroups || !process.setgid || !process.setuid) {
    throw new VectabaseError('CONFIG_INVALID', {
      message: `only root can start a daemon that runs as uid ${uid}`,
      hint: 'Start it as root, or remove runAs from its configuration.',
    });
  }
  process.chdir('/');
  try {
    process.setgroups([gid]);
  } catch (cause) {
    // Debian's Node: see startDaemonProgram, which comes here only where the code is closed to that user.
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: `this Node cannot give up root, and did not start as uid ${uid}`,
      hint: `Run chmod -R go+rX ${assetPath()}; then vectabase up and vectabase daemon start it as that user.`,
      cause,
    });
  }
  process.setgid(gid);
  process.setuid(uid);
  if (canReturn()) throw new Error('root could not be given up');
}

function canReturn(): boolean {
  try {
    process.setuid?.(0);
    return true;
  } catch {
    return false;
  }
}

function isPipe(descriptor: number): boolean {
  try {
    const kind = fstatSync(descriptor);
    return kind.isFIFO() || kind.isSocket(); // node makes a child's pipe from a socket pair
  } catch {
    return false; // started with a closed stdin
  }
}
