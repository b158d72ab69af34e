import { chmod, chown, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { createTwoFilesPatch } from 'diff';
import { syncDirectory, writeDurably } from '../../../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../../../foundation/core/errors.ts';
import type { Change, Machine, Recorder, Step, UndoRecord } from '../step.ts';
import { octal, sha256Of, stateOf, type FileState } from './file-state.ts';
import { lookUpOwner, requireOwner } from './owner.ts';
import { beforeFields, restoreFile } from './file-restore.ts';
import { undoRecords } from './undo-records.ts';

/** A file that is ours from its first byte to its last. */
export interface ManagedFile {
  /** Absolute. */
  readonly path: string;
  readonly content: string;
  /** 0644 unless told. */
  readonly mode?: number;
  /** `root:root` unless told. */
  readonly owner?: string;
  /** No diff is shown of it. */
  readonly secret?: boolean;
}

interface FileStepSpec {
  readonly id: string;
  readonly title: string;
  /** All files that the step keeps; one that is not in the list any more is brought back to what it was. */
  readonly files: readonly ManagedFile[] | ((machine: Machine) => Promise<readonly ManagedFile[]>);
  /** Run after any of them was written, in this order: `systemctl daemon-reload`. */
  readonly onChange?: ReadonlyArray<readonly [string, ...string[]]>;
  readonly verify?: (machine: Machine) => Promise<void>;
}

/** Keeps files as given: content, mode, owner. What was there before, or what somebody else wrote since, is kept as a copy. */
export function fileStep(spec: FileStepSpec): Step {
  const { id, title, onChange = [], verify } = spec;
  const wanted = async (machine: Machine) => (typeof spec.files === 'function' ? spec.files(machine) : spec.files);
  return {
    id,
    title,
    async detect(machine) {
      const files = await wanted(machine);
      const changes = await Promise.all(files.map(async (file) => changeOf(machine, file)));
      const retired = retiredOf(machine, id, files).map((target): Change => ({ action: 'remove', target }));
      return [...changes.filter((change) => change !== undefined), ...retired];
    },
    async apply(machine, record) {
      const files = await wanted(machine);
      for (const file of files) {
        const change = await changeOf(machine, file);
        if (change !== undefined) await writeFile(machine, id, file, change, record);
      }
      for (const target of retiredOf(machine, id, files)) {
        await record({ kind: 'file-retired', target });
        await restoreFile(machine, machine.journal.about(target).filter(isFile).toReversed());
      }
      for (const argv of onChange) await machine.run(argv);
    },
    ...(verify === undefined ? {} : { verify }),
    async undo(machine, records, options) {
      await undoRecords(machine, records, options);
      for (const argv of onChange) await machine.ask(argv);
    },
  };
}

const isFile = ({ kind }: UndoRecord): boolean => kind === 'file';

/** Files that this step wrote once and that are not wanted any more. */
function retiredOf(machine: Machine, id: string, files: readonly ManagedFile[]): string[] {
  const wanted = new Set(files.map((file) => file.path));
  const last = new Map(machine.journal.ofStep(id).map(({ target, kind }) => [target, kind]));
  return [...last].filter(([target, kind]) => kind === 'file' && !wanted.has(target)).map(([target]) => target);
}

async function changeOf(machine: Machine, file: ManagedFile): Promise<Change | undefined> {
  const state = await stateOf(file.path);
  const owner = await lookUpOwner(machine, file.owner ?? 'root:root');
  const target = file.path;
  if (state.is === 'absent') return { action: 'create', target, ...diffOf(file, '') };
  if (state.is === 'directory' || state.is === 'other') {
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: `${target} should be a file and is something else`,
      hint: `Move it away: mv ${target} ${target}.old`,
      details: { target },
    });
  }
  const foreign = isForeign(machine, file, state);
  if (state.is === 'link') return { action: 'change', target, ...foreign, note: `is a link to ${state.to}` };
  if (state.sha256 !== sha256Of(file.content)) {
    return { action: 'change', target, ...foreign, ...diffOf(file, state.content.toString('utf8')) };
  }
  const mode = file.mode ?? 0o644;
  if (state.mode !== mode) return { action: 'change', target, note: `mode ${octal(state.mode)}, not ${octal(mode)}` };
  if (owner?.uid !== state.uid || owner.gid !== state.gid)
    return { action: 'change', target, note: `owner ${state.uid}:${state.gid}, not ${file.owner ?? 'root:root'}` };
  return undefined;
}

/** Neither what we wrote at any time, nor what we found when we last began to write. */
function isForeign(machine: Machine, file: ManagedFile, state: FileState): { foreign?: true } {
  const records = machine.journal.about(file.path).filter(isFile);
  const sha256 = state.is === 'file' ? state.sha256 : '';
  const known = records.some((record) => record['sha256'] === sha256) || records.at(-1)?.['beforeSha256'] === sha256;
  return known ? {} : { foreign: true };
}

function diffOf(file: ManagedFile, before: string): { diff?: string; note?: string } {
  if (file.secret === true) return { note: 'holds secrets, so no difference is shown' };
  const from = before === '' ? '/dev/null' : file.path;
  return { diff: createTwoFilesPatch(from, file.path, before, file.content, '', '', { context: 2 }) };
}

async function writeFile(
  machine: Machine,
  step: string,
  file: ManagedFile,
  change: Change,
  record: Recorder,
): Promise<void> {
  const owner = await requireOwner(machine, file.owner ?? 'root:root');
  const before = await stateOf(file.path);
  const mode = file.mode ?? 0o644;
  await makeParents(file.path, record);
  await record({
    kind: 'file',
    target: file.path,
    sha256: sha256Of(file.content),
    mode: octal(mode),
    ...(await beforeFields(machine, file.path, before, { copied: file.secret !== true || change.foreign === true })),
  });
  if (change.foreign === true && before.is === 'file') {
    const savedTo = machine.journal.keptAt(before.sha256);
    machine.context.observe({ event: 'install.foreign.noted', id: step, target: file.path, savedTo });
  }
  await writeDurably(file.path, file.content, { mode, owner });
}

/** Directories above a file that are not there: 0755, root's, and gone again with the last file in them. */
async function makeParents(file: string, record: Recorder): Promise<void> {
  const missing: string[] = [];
  for (let parent = path.dirname(file); (await stateOf(parent)).is === 'absent'; parent = path.dirname(parent)) {
    missing.unshift(parent);
  }
  for (const target of missing) {
    await record({ kind: 'parent', target });
    await mkdir(target);
    await chmod(target, 0o755);
    await chown(target, 0, 0);
    await syncDirectory(path.dirname(target));
  }
}
