import path from 'node:path';
import { defaultDirectory } from './default-directory.ts';

/** The flags that say where a command works, as its next one needs them: ` --dir X --target-file Y`, or nothing. */
export function targetWords(flags: { dir: string; 'target-file'?: string | undefined }): string {
  return [
    path.resolve(flags.dir) === path.resolve(defaultDirectory()) ? '' : ` --dir ${shellWord(flags.dir)}`,
    flags['target-file'] ? ` --target-file ${shellWord(flags['target-file'])}` : '',
  ].join('');
}

/** A word as a POSIX shell reads it back. */
export function shellWord(word: string): string {
  return /^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
