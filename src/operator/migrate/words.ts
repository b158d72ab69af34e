import type { CommandWords } from './errors.ts';

/** The exact commands that go on from here, with the flags that say where, and never with a connection string. */
export function commandWords(flags: {
  dir: string;
  'source-file'?: string | undefined;
  'target-file'?: string | undefined;
  source?: string | undefined;
  [choice: string]: unknown;
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
    migrate: `vectabase migrate${source}${target}${choiceWords(flags)}`,
  };
}

/** What a resumed run finds in the ledger, and a new one has to be told again. */
const CHOICES = ['jobs', 'build-jobs', 'max-rate', 'split-above', 'only', 'exclude', 'skip', 'format'];

function choiceWords(flags: Readonly<Record<string, unknown>>): string {
  return CHOICES.flatMap((name) => {
    const value = flags[name];
    if (value === undefined || (name === 'format' && value === 'auto')) return [];
    return (Array.isArray(value) ? value : [value]).map((item) => ` --${name} ${shellWord(String(item))}`);
  }).join('');
}

/** A word as a POSIX shell reads it back. */
export function shellWord(word: string): string {
  return /^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
