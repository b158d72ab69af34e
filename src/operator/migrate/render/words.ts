import { shellWord, targetWords } from '../../../foundation/core/shell-words.ts';
import type { CommandWords } from '../errors.ts';

/** The exact commands that go on from here, with the flags that say where, and never with a connection string. */
export function commandWords(flags: {
  dir: string;
  'source-file'?: string | undefined;
  'target-file'?: string | undefined;
  source?: string | undefined;
  [choice: string]: unknown;
}): CommandWords {
  const target = targetWords(flags);
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
