import { mkdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { parseDocument, type Document } from 'yaml';
import { checkSettingsText, SETTINGS_FILE } from '../config/settings.ts';
import { writeDurably } from '../core/durable-file.ts';
import { isRoot } from './service-user.ts';
import { withLock } from './wait-lock.ts';

/**
 * Changes `vectabase.yml`, comments kept, one writer at a time. A result that would not be accepted is not written.
 *
 * @returns false when the change changes nothing
 * @throws VectabaseError CONFIG_INVALID, LOCK_HELD
 */
export async function editSettings(dir: string, change: (document: Document) => void): Promise<boolean> {
  return replaceSettings(dir, (text) => {
    // What the parser did not understand would be lost when it is written again.
    checkSettingsText(text, path.join(path.resolve(dir), SETTINGS_FILE));
    const document = parseDocument(text);
    change(document);
    return document.toString({ lineWidth: 0, flowCollectionPadding: false });
  });
}

/** The same for whoever has the whole text. */
export async function replaceSettings(dir: string, replace: (text: string) => string): Promise<boolean> {
  const file = path.join(path.resolve(dir), SETTINGS_FILE);
  // As `up` makes it: root's servers run as another user, who must get through.
  await mkdir(path.dirname(file), { recursive: true, mode: isRoot() ? 0o711 : 0o700 });
  return withLock(path.join(path.dirname(file), 'settings.lock'), async () => {
    const old = await readSettingsText(dir);
    const fresh = replace(old);
    if (fresh === old) return false;
    checkSettingsText(fresh, file);
    await writeDurably(file, fresh, await accessOf(file));
    return true;
  });
}

/** Empty when there is none. */
export async function readSettingsText(dir: string): Promise<string> {
  try {
    return await readFile(path.join(dir, SETTINGS_FILE), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** Who may read it stays as it was. */
async function accessOf(file: string): Promise<{ mode?: number; owner?: { uid: number; gid: number } }> {
  const there = await stat(file).catch(() => undefined);
  if (there === undefined) return {};
  const { uid, gid } = there;
  return { mode: there.mode & 0o7777, ...(isRoot() && { owner: { uid, gid } }) };
}
