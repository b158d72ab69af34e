import { VectabaseError } from '../foundation/core/errors.ts';

/** Can a person be asked? Only on a terminal, and not under `--no-input` or `--json`. */
export function canAsk(options: { noInput: boolean; json: boolean }): boolean {
  return !options.noInput && !options.json && process.stdin.isTTY && process.stderr.isTTY;
}

/** Asks for a secret without echo. */
export async function askSecret(message: string): Promise<string> {
  const { password } = await import('@inquirer/prompts');
  return orCancelled(password({ message, mask: true }, { output: process.stderr }));
}

/**
 * A destructive action goes on only if its name was typed back, at the prompt or as `--confirm NAME`.
 * @throws CONFIRMATION_REQUIRED, CANCELLED
 */
export async function confirmByName(options: {
  name: string;
  given: string | undefined;
  what: string;
  ask: boolean;
  command: string;
}): Promise<void> {
  const { name, given, what, ask, command } = options;
  if (given === name) return;
  if (given !== undefined || !ask) {
    throw new VectabaseError('CONFIRMATION_REQUIRED', {
      message:
        given === undefined ? `${what}: a confirmation is needed` : `"${given}" is not the name of what would go`,
      hint: `Run: ${command} --confirm ${name}`,
      details: { expected: name },
    });
  }
  const { input } = await import('@inquirer/prompts');
  const typed = await orCancelled(input({ message: `${what}. Type ${name} to go on:` }, { output: process.stderr }));
  if (typed.trim() !== name) throw new VectabaseError('CANCELLED', { message: 'cancelled; nothing was changed' });
}

/** Ctrl-C at a prompt is an answer: no. */
async function orCancelled<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && error.name === 'ExitPromptError') {
      throw new VectabaseError('CANCELLED', { message: 'cancelled at the prompt; nothing was changed' });
    }
    throw error;
  }
}
