import { VectabaseError } from '../../../../foundation/core/errors.ts';
import type { Machine } from '../step.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** `root:vectabase` in numbers; undefined while one of them does not exist yet. */
export async function lookUpOwner(machine: Machine, owner: string): Promise<Owner | undefined> {
  const [user = 'root', group = user] = owner.split(':');
  const [uid, gid] = await Promise.all([idOf(machine, 'passwd', user), idOf(machine, 'group', group)]);
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

/** @throws PRECONDITION_FAILED when one of them does not exist */
export async function requireOwner(machine: Machine, owner: string): Promise<Owner> {
  const found = await lookUpOwner(machine, owner);
  if (found !== undefined) return found;
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `there is no such owner as ${owner} on this machine`,
    hint: 'Run vectabase install again: the step that makes it goes first.',
    details: { owner },
  });
}

/** Asked anew each time: an earlier step of the same run may have made it. */
async function idOf(machine: Machine, database: 'passwd' | 'group', name: string): Promise<number | undefined> {
  if (name === 'root') return 0;
  const { exitCode, stdout } = await machine.ask(['getent', database, name]);
  return exitCode === 0 ? Number(stdout.split(':')[2]) : undefined;
}
