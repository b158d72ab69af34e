import { chmod, chown } from 'node:fs/promises';
import { writeDurably } from '../../../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../../../foundation/core/errors.ts';
import type { Change, Machine, Step } from '../step.ts';
import { octal, stateOf } from './file-state.ts';
import { lookUpOwner, requireOwner } from './owner.ts';

/** A file that is made once and then belongs to the machine: a key, a certificate. */
export interface GeneratedFile {
  /** Absolute; its directory must be there. */
  readonly path: string;
  /** Called once, when there is no such file. */
  readonly generate: (machine: Machine) => Promise<string>;
  /** 0600 unless told. */
  readonly mode?: number;
  /** `root:root` unless told. */
  readonly owner?: string;
}

/**
 * Keeps mode and owner; never writes content twice, and never takes it away: what was encrypted with a key is lost with
 * it. An uninstall moves it with its directory.
 */
export function generatedStep(spec: {
  readonly id: string;
  readonly title: string;
  readonly files: readonly GeneratedFile[];
}): Step {
  const { id, title, files } = spec;
  return {
    id,
    title,
    async detect(machine) {
      const changes = await Promise.all(files.map(async (file) => changeOf(machine, file)));
      return changes.filter((change) => change !== undefined);
    },
    async apply(machine) {
      for (const file of files) {
        const change = await changeOf(machine, file);
        if (change === undefined) continue;
        const owner = await requireOwner(machine, file.owner ?? 'root:root');
        const mode = file.mode ?? 0o600;
        if (change.action === 'create') {
          await writeDurably(file.path, await file.generate(machine), { mode, owner });
        } else {
          await chown(file.path, owner.uid, owner.gid);
          await chmod(file.path, mode);
        }
      }
    },
    undo: async () => undefined,
  };
}

async function changeOf(machine: Machine, file: GeneratedFile): Promise<Change | undefined> {
  const { path: target, mode = 0o600, owner = 'root:root' } = file;
  const state = await stateOf(target);
  if (state.is === 'absent') return { action: 'create', target, note: 'made once' };
  if (state.is !== 'file') {
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: `${target} should be a plain file and is something else`,
      hint: `Move it away: mv ${target} ${target}.old`,
      details: { target },
    });
  }
  if (state.mode !== mode) return { action: 'change', target, note: `mode ${octal(state.mode)}, not ${octal(mode)}` };
  const wanted = await lookUpOwner(machine, owner);
  if (wanted?.uid === state.uid && wanted.gid === state.gid) return undefined;
  return { action: 'change', target, note: `owner ${state.uid}:${state.gid}, not ${owner}` };
}
