import type { VectabaseError } from '../../foundation/core/errors.ts';
import { messageOf } from '../../foundation/core/errors.ts';
import { asInvoked } from './invoked.ts';
import { visible, visibleLines } from '../../foundation/core/visible.ts';
import { paint } from './paint.ts';

/**
 * An error for a person: what failed, why, what to type next, and the code to search for in docs/errors.md. Messages
 * quote names of foreign databases, which may hold what a terminal obeys.
 */
export function renderError(error: VectabaseError): string {
  const style = paint(process.stderr);
  const lines = [`${style.red('error')} ${visibleLines(error.message)}`];
  if (error.cause !== undefined && messageOf(error.cause) !== error.message) {
    lines.push(style.dim(`  cause: ${visibleLines(messageOf(error.cause))}`));
  }
  if (error.hint !== undefined) lines.push(...error.hint.split('\n').map((line) => `  ${visible(line)}`));
  lines.push(style.dim(`  ${error.code} · exit ${error.exitCode}`));
  return asInvoked(`${lines.join('\n')}\n`);
}
