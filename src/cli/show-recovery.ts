import { VectabaseError } from '../foundation/core/errors.ts';
import { askText } from './prompts.ts';

/** A fresh key that counts once somebody has it, and otherwise never opens anything. */
interface Fresh {
  readonly key: string;
  isTypedAs(typed: string): boolean;
  confirm(): Promise<unknown>;
  discard(): Promise<void>;
}

/** Shows a recovery key once and asks for it back. */
export async function showRecovery(fresh: Fresh, say: (line: string) => void): Promise<void> {
  try {
    say(`\nRecovery key of the encrypted volume, shown this once:\n\n    ${fresh.key}\n`);
    if (!fresh.isTypedAs(await askText('Write it down, then type it back:'))) throw notTaken();
  } catch (error) {
    await fresh.discard();
    throw error;
  }
  await fresh.confirm();
}

function notTaken(): VectabaseError {
  return new VectabaseError('CANCELLED', {
    message: 'that is another key; the new one was thrown away, an earlier one still counts',
    hint: 'Run: vectabase volume recovery',
  });
}
