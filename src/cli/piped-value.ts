import { readFile } from 'node:fs/promises';
import { VectabaseError } from '../foundation/core/errors.ts';
import { askSecret } from './prompts.ts';

/**
 * A secret from a file, from what is piped in, or from a prompt; never from the command line.
 *
 * @throws VectabaseError USAGE when none of them brings one
 */
export async function readValue(from: {
  readonly file: string | undefined;
  readonly ask: boolean;
  readonly question: string;
}): Promise<Buffer> {
  if (from.file !== undefined || !process.stdin.isTTY) return readGiven(from.file);
  if (from.ask) return Buffer.from(await askSecret(from.question));
  throw new VectabaseError('USAGE', {
    message: 'there is no value: nothing is piped in, and nobody can be asked',
    hint: 'Pipe it in, or name a file with --from-file FILE.',
  });
}

/** A file that the person named; what is piped in when they named none. @throws VectabaseError USAGE */
export async function readGiven(file: string | undefined): Promise<Buffer> {
  if (file === undefined) return readStdin();
  try {
    return await readFile(file);
  } catch (error) {
    throw new VectabaseError('USAGE', {
      message: `${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'error'}`,
      hint: 'Name a file that this user can read.',
      details: { file },
    });
  }
}

/** @throws VectabaseError USAGE on a terminal: waiting in silence would look like hanging */
async function readStdin(): Promise<Buffer> {
  if (process.stdin.isTTY) {
    throw new VectabaseError('USAGE', {
      message: 'nothing is piped in',
      hint: 'Pipe it in, or name a file with --from-file FILE. With --help the command tells what else it takes.',
    });
  }
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
