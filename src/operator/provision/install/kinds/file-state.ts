import { createHash } from 'node:crypto';
import { lstat, readFile, readlink } from 'node:fs/promises';

/** What is at a path now. A link is never followed: what it points to is not ours. */
export type FileState =
  | { readonly is: 'absent' }
  | {
      readonly is: 'file';
      readonly sha256: string;
      readonly content: Buffer;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly is: 'link'; readonly to: string }
  | { readonly is: 'directory'; readonly mode: number; readonly uid: number; readonly gid: number }
  | { readonly is: 'other' };

export async function stateOf(path: string): Promise<FileState> {
  const stat = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (stat === undefined) return { is: 'absent' };
  const owned = { mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid };
  if (stat.isSymbolicLink()) return { is: 'link', to: await readlink(path) };
  if (stat.isDirectory()) return { is: 'directory', ...owned };
  if (!stat.isFile()) return { is: 'other' };
  const content = await readFile(path);
  return { is: 'file', sha256: sha256Of(content), content, ...owned };
}

export function sha256Of(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** `640`, as chmod takes it. */
export const octal = (mode: number): string => mode.toString(8).padStart(3, '0');
