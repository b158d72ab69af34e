import { readFileSync } from 'node:fs';
import { environment } from '../config/environment.ts';
import { ownName } from './service-user.ts';

/** Who runs this process, as far as the system can tell. For logs of who did what; no command lines, as they may hold anything. */
export interface Actor {
  readonly uid: number;
  readonly user: string;
  readonly pid: number;
  readonly parentPid: number;
  /** Name of the parent's program: `bash`, `cron`, `systemd`. */
  readonly parent: string | undefined;
  /** Who called sudo, by its own word: whoever is root could write anything here. */
  readonly sudoUser: string | undefined;
  /** User id that the login began with; the kernel keeps it across su and sudo. */
  readonly loginUid: number | undefined;
}

export function currentActor(): Actor {
  const login = readSmall('/proc/self/loginuid');
  return {
    uid: process.getuid?.() ?? -1,
    user: ownName(),
    pid: process.pid,
    parentPid: process.ppid,
    parent: readSmall(`/proc/${process.ppid}/comm`),
    sudoUser: environment().SUDO_USER,
    loginUid: login === undefined || login === NOBODY ? undefined : Number(login),
  };
}

/** -1 as the kernel prints it: a daemon, started by nobody. */
const NOBODY = '4294967295';

function readSmall(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
