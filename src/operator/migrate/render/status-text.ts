import type { CommandWords } from '../errors.ts';
import { withSubcommand } from './claims.ts';
import { bytes, count, instant, whole } from '../../../foundation/core/numbers.ts';
import { PLAIN, type Style } from '../../../foundation/core/style.ts';
import { visible } from '../../../foundation/core/visible.ts';
import type { MigrationStatus } from '../status.ts';

/** How far a migration is. The ledger cannot tell a process at work from a dead one, so the words leave that open. */
export function renderStatus(status: MigrationStatus, words: CommandWords, style: Style = PLAIN): string {
  const { steps, tables, attempts } = status;
  const line = (label: string, text: string): string => `  ${style.dim(label.padEnd(8))}  ${visible(text)}`;
  const lines = [
    title(status, style),
    line(
      'tables',
      `${whole(tables.copied)} of ${whole(tables.total)} copied, ${count(status.rows, 'row')}, ${bytes(status.bytes)}`,
    ),
    line('steps', `${whole(steps.done)} of ${whole(steps.total)} done`),
    line('started', instant(status.startedAt)),
    ...(status.finishedAt === null ? [] : [line('finished', instant(status.finishedAt))]),
    ...attempts.map((attempt, index) =>
      line(
        index === 0 ? 'attempts' : '',
        `${attempt.attempt}: snapshot ${attempt.snapshotLsn} of ${instant(attempt.snapshotAt)}, ${attempt.outcome ?? 'no end recorded'}`,
      ),
    ),
    ...(status.state === 'finished' ? [] : status.next.map((id, index) => line(index === 0 ? 'next' : '', id))),
    '',
    ...whatNow(status, words).map((text) => (text.startsWith('vectabase ') ? `  ${style.bold(text)}` : text)),
  ];
  return `${lines.join('\n')}\n`;
}

function title({ state, runId }: MigrationStatus, style: Style): string {
  const [mark, text] = {
    running: [style.yellow('!'), 'Not finished'],
    finished: [style.green('✓'), 'Finished'],
    aborting: [style.yellow('!'), 'Being taken back'],
  }[state] as [string, string];
  return `${mark} ${style.bold(text)} ${style.dim(`run ${visible(runId)}`)}`;
}

function whatNow({ state }: MigrationStatus, words: CommandWords): string[] {
  if (state === 'finished')
    return ['Compare every row and object with the source as it is now:', withSubcommand(words, 'verify')];
  if (state === 'aborting') return ['Finish taking it back:', words.abort];
  return [
    'Unless a `vectabase migrate` is at work on it now, continue it or take back what it made:',
    words.resume,
    words.abort,
  ];
}
