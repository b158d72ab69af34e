import { count } from '../../foundation/core/numbers.ts';
import { targetWords } from '../../foundation/core/shell-words.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { AdviseWords } from './advise-text.ts';
import type { ActionOutcome, Advice } from './model.ts';

/** The exact commands that go on from here, with the flags that say where. */
export function adviseWords(flags: {
  dir: string;
  'target-file'?: string | undefined;
  'drop-duplicates'?: boolean;
  'drop-unused'?: boolean;
}): AdviseWords {
  const where = targetWords(flags);
  const drops = [flags['drop-duplicates'] ? ' --drop-duplicates' : '', flags['drop-unused'] ? ' --drop-unused' : ''];
  return { apply: `vectabase db advise --apply${drops.join('')}${where}`, undo: `vectabase db advise --undo${where}` };
}

/** One line for a report of something else, such as a migration; null when nothing is missing. */
export function adviceLine(advice: Advice, words: AdviseWords): string | null {
  return advice.wanted.length === 0 ? null : `${count(advice.wanted.length, 'index')} advised: ${words.apply}`;
}

export function indexesAdvised({ wanted }: Advice, words: AdviseWords): VectabaseError {
  return new VectabaseError('INDEXES_ADVISED', {
    message: `${count(wanted.length, 'index')} advised`,
    hint: `Run ${words.apply}`,
    details: { indexes: wanted.map(({ schema, index }) => `${schema}.${index}`) },
  });
}

export function indexesFailed(outcomes: readonly ActionOutcome[]): VectabaseError {
  const failed = outcomes.filter(({ done }) => !done);
  return new VectabaseError('INDEXES_ADVISED', {
    message: `Postgres refused ${count(failed.length, 'index')}; the others are done`,
    hint: 'Mend what the server says, then run the same command again: it does only what is left.',
    details: { failed: failed.map(({ index, error }) => ({ index, code: error?.code ?? null })) },
  });
}
