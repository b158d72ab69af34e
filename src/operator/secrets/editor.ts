import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { environment } from '../../foundation/config/environment.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { callEditor } from '../../foundation/process/editor.ts';
import { isAlive, startTime } from '../../foundation/process/identity.ts';

/**
 * Hands a text to the person's editor in a file in memory, until `wantsMore` says no.
 *
 * @throws VectabaseError PRECONDITION_FAILED without a tmpfs, CANCELLED
 */
export async function editText(
  text: string,
  name: string,
  wantsMore: (edited: string) => Promise<boolean>,
): Promise<string> {
  const directory = makeDirectory();
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    const file = path.join(directory, name);
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
    for (;;) {
      await callEditor(file, { onStop: remove, again: 'vectabase secrets edit' });
      const edited = readFileSync(file, 'utf8');
      if (!(await wantsMore(edited))) return edited;
    }
  } finally {
    remove();
    process.off('exit', remove);
  }
}

const PREFIX = 'vectabase-edit-';
const TMPFS = 0x01021994;

function makeDirectory(): string {
  const { XDG_RUNTIME_DIR: runtime } = environment();
  const base = ['/dev/shm', ...(runtime === undefined ? [] : [runtime])].find(isTmpfs);
  if (base === undefined) {
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: 'there is no directory in memory to put the text into while it is edited (/dev/shm, XDG_RUNTIME_DIR)',
      hint: 'Change one value with vectabase secrets set NAME, or edit with age and a disk of your choice: docs/secrets.md.',
    });
  }
  sweep(base);
  const own = `${PREFIX}${process.pid}-${startTime(process.pid) ?? '0'}-${randomBytes(6).toString('hex')}`;
  const directory = path.join(base, own);
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}

/** What edits left that were killed: another user's stay, as they are not ours to remove. */
function sweep(base: string): void {
  for (const name of readdirSync(base)) {
    const [, pid, start] = new RegExp(`^${PREFIX}(\\d+)-(\\d+)-[0-9a-f]{12}$`).exec(name) ?? [];
    if (pid === undefined || (isAlive(Number(pid)) && startTime(Number(pid)) === start)) continue;
    try {
      rmSync(path.join(base, name), { recursive: true, force: true });
    } catch {
      // not ours
    }
  }
}

function isTmpfs(directory: string): boolean {
  try {
    return statfsSync(directory).type === TMPFS;
  } catch {
    return false;
  }
}
