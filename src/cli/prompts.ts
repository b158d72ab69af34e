import { openSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { VectabaseError } from '../foundation/core/errors.ts';

export function onTerminal(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** Asks for a secret without echo; at `input` when stdin is taken by something else. */
export async function askSecret(message: string, input: NodeJS.ReadableStream = process.stdin): Promise<string> {
  const { password } = await import('@inquirer/prompts');
  return orCancelled(password({ message, mask: true }, { input, output: process.stderr }));
}

/** For a secret that somebody else decides to ask for; undefined where nobody can be asked. */
export function secretAsker(possible: boolean, message: string): (() => Promise<string>) | undefined {
  return possible ? async () => askSecret(message) : undefined;
}

/** The terminal of this process, also when stdin is a pipe; undefined when there is none. */
export function openTerminal(): ReadStream | undefined {
  if (!process.stderr.isTTY) return undefined;
  try {
    return new ReadStream(openSync('/dev/tty', 'r+'));
  } catch {
    return undefined;
  }
}

export async function askYes(message: string): Promise<boolean> {
  const { confirm } = await import('@inquirer/prompts');
  return orCancelled(confirm({ message }, { output: process.stderr }));
}

/** What is typed is seen. */
export async function askText(message: string): Promise<string> {
  const { input } = await import('@inquirer/prompts');
  return orCancelled(input({ message }, { output: process.stderr }));
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
  const typed = await askText(`${what}. Type ${name} to go on:`);
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
