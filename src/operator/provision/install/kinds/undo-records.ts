import { chmod, chown, mkdir, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { INSTALLED } from '../../../../foundation/config/directory.ts';
import type { Machine, UndoRecord } from '../step.ts';
import { removeParents, restoreFile } from './file-restore.ts';
import { removePackages } from './packages-remove.ts';
import { showUnit } from './unit-state.ts';

/**
 * Brings back what the kinds of this directory recorded. Kinds that it does not know are left to the step that wrote
 * them.
 *
 * @param records of one step, newest first
 */
export async function undoRecords(
  machine: Machine,
  records: readonly UndoRecord[],
  { purge }: { readonly purge: boolean },
): Promise<void> {
  const of = (kind: string): UndoRecord[] => records.filter((record) => record.kind === kind);
  for (const record of of('unit')) await restoreUnit(machine, record);
  for (const target of new Set(of('file').map((record) => record.target))) {
    await restoreFile(
      machine,
      of('file').filter((record) => record.target === target),
    );
  }
  await removeParents(records);
  for (const target of new Set(of('directory').map((record) => record.target))) {
    await restoreDirectory(
      machine,
      of('directory').findLast((record) => record.target === target),
      purge,
    );
  }
  await removePackages(
    machine,
    of('package').map(({ target }) => target),
  );
  for (const { target } of of('mask')) await machine.ask(['systemctl', 'unmask', target]);
  for (const { target, ...fields } of of('member')) {
    await machine.ask(['gpasswd', '--delete', target, String(fields['group'])]);
  }
  for (const { target } of of('user')) await machine.ask(['userdel', target]);
  for (const { target } of of('group')) await machine.ask(['groupdel', target]);
}

async function restoreUnit(machine: Machine, { target, enabled, active }: UndoRecord): Promise<void> {
  if (!(await showUnit(machine, target)).exists) return;
  if (active !== true) await machine.run(['systemctl', 'stop', target], { timeout: 600_000 });
  if (typeof enabled === 'string' && !enabled.startsWith('enabled'))
    await machine.ask(['systemctl', 'disable', target]);
}

/** Where an uninstall puts a directory whose content is not ours to throw away. */
export const keptPath = (directory: string): string => path.join(INSTALLED.kept, directory);

/** @param first the oldest record: what was there before us */
async function restoreDirectory(machine: Machine, first: UndoRecord | undefined, purge: boolean): Promise<void> {
  if (first === undefined) return;
  const { target, data, absent, beforeMode, uid, gid } = first;
  if (absent === true) {
    if (data !== null && purge) return rm(target, { recursive: true, force: true });
    const left = await rmdir(target).catch((error: NodeJS.ErrnoException) => error.code);
    if (left === 'ENOTEMPTY' && data === 'moves') {
      await mkdir(path.dirname(keptPath(target)), { recursive: true, mode: 0o700 });
      await machine.run(['mv', '-T', target, keptPath(target)]);
    } else if (left !== undefined && left !== 'ENOENT' && left !== 'ENOTEMPTY') {
      throw new Error(`${target} cannot be removed: ${left}`);
    }
    return;
  }
  await chown(target, Number(uid), Number(gid));
  await chmod(target, Number.parseInt(String(beforeMode), 8));
}
