import { chmod, chown, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { syncDirectory } from '../../../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../../../foundation/core/errors.ts';
import type { Change, Machine, Recorder, Step } from '../step.ts';
import { octal, stateOf } from './file-state.ts';
import { lookUpOwner, requireOwner } from './owner.ts';
import { keptPath, undoRecords } from './undo-records.ts';

export interface ManagedDirectory {
  /** Absolute; what is above it must be there, or stand before it in the list. */
  readonly path: string;
  /** 0755 unless told. */
  readonly mode?: number;
  /** `root:root` unless told. */
  readonly owner?: string;
  /**
   * What is in it belongs to the owner of the machine. An uninstall that does not purge leaves it (`stays`), or moves it
   * below /var/lib/vectabase/kept (`moves`), from where the next installation brings it back.
   */
  readonly data?: 'stays' | 'moves';
}

/** Keeps directories as given: there, mode, owner. What is in them is not looked at. */
export function directoryStep(spec: {
  readonly id: string;
  readonly title: string;
  readonly directories: readonly ManagedDirectory[];
}): Step {
  const { id, title, directories } = spec;
  return {
    id,
    title,
    async detect(machine) {
      const changes = await Promise.all(directories.map(async (each) => changeOf(machine, each)));
      return changes.filter((change) => change !== undefined);
    },
    async apply(machine, record) {
      for (const each of directories) {
        if ((await changeOf(machine, each)) !== undefined) await make(machine, each, record);
      }
    },
    undo: undoRecords,
  };
}

async function changeOf(machine: Machine, directory: ManagedDirectory): Promise<Change | undefined> {
  const { path: target, mode = 0o755, owner = 'root:root' } = directory;
  const state = await stateOf(target);
  if (state.is === 'absent') return { action: 'create', target };
  if (state.is !== 'directory') {
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: `${target} should be a directory and is something else`,
      hint: `Move it away: mv ${target} ${target}.old`,
      details: { target },
    });
  }
  if (state.mode !== mode) return { action: 'change', target, note: `mode ${octal(state.mode)}, not ${octal(mode)}` };
  const wanted = await lookUpOwner(machine, owner);
  if (wanted?.uid === state.uid && wanted.gid === state.gid) return undefined;
  return { action: 'change', target, note: `owner ${state.uid}:${state.gid}, not ${owner}` };
}

async function make(machine: Machine, directory: ManagedDirectory, record: Recorder): Promise<void> {
  const { path: target, mode = 0o755, owner = 'root:root', data = null } = directory;
  const { uid, gid } = await requireOwner(machine, owner);
  const before = await stateOf(target);
  const was =
    before.is === 'directory' ? { beforeMode: octal(before.mode), uid: before.uid, gid: before.gid } : { absent: true };
  await record({ kind: 'directory', target, data, ...was });
  const kept = keptPath(target);
  if (before.is === 'absent' && (await stateOf(kept)).is === 'directory') await machine.run(['mv', '-T', kept, target]);
  else if (before.is === 'absent') await mkdir(target, { mode: 0o700 });
  await chown(target, uid, gid);
  await chmod(target, mode); // after chown, which may take bits away
  await syncDirectory(path.dirname(target));
}
