import type { CommandWords } from './errors.ts';

/** The exact commands that go on from here, with the flags that say where, and never with a connection string. */
export function commandWords(flags: {
  dir: string;
  'source-file'?: string | undefined;
  'target-file'?: string | undefined;
  source?: string | undefined;
}): CommandWords {
  const target = [
    flags.dir === '.vectabase' ? '' : ` --dir ${shellWord(flags.dir)}`,
    flags['target-file'] ? ` --target-file ${shellWord(flags['target-file'])}` : '',
  ].join('');
  const source = flags['source-file']
    ? ` --source-file ${shellWord(flags['source-file'])}`
    : flags.source
      ? ' --source URL'
      : '';
  return {
    resume: `vectabase migrate --resume${source}${target}`,
    abort: `vectabase migrate abort${target}`,
    migrate: `vectabase migrate${source}${target}`,
  };
}

/** A word as a POSIX shell reads it back. */
export function shellWord(word: string): string {
  return /^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
