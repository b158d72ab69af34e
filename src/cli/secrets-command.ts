import { readFile } from 'node:fs/promises';
import { Flags } from '@oclif/core';
import { VectabaseError } from '../foundation/core/errors.ts';
import { BaseCommand } from './base-command.ts';
import { askSecret, canAsk } from './prompts.ts';

/** What the commands below `secrets` share. */
export abstract class SecretsCommand<Result> extends BaseCommand<Result> {
  static override baseFlags = {
    ...BaseCommand.baseFlags,
    environment: Flags.string({
      char: 'e',
      summary: 'whose secrets (default: the setting secrets.environment, production)',
      helpValue: 'NAME',
    }),
    reason: Flags.string({ summary: 'why, for the log of accesses', env: 'VECTABASE_REASON', helpValue: 'TEXT' }),
  };

  /** What opens the secrets: the shared flags, and a person who knows the passphrase of the key, if there is one. */
  protected opening(flags: {
    dir: string;
    environment: string | undefined;
    reason: string | undefined;
    'no-input': boolean;
  }) {
    const askPassphrase = async (file: string): Promise<string> => askSecret(`passphrase of ${file}`);
    return {
      dir: flags.dir,
      environment: flags.environment,
      reason: flags.reason,
      now: () => Date.now(),
      ...(this.mayAsk(flags) ? { askPassphrase } : {}),
    };
  }

  protected mayAsk(flags: { 'no-input': boolean }): boolean {
    return canAsk({ noInput: flags['no-input'], json: this.jsonEnabled() });
  }

  /**
   * A value from a file, a prompt, or what is piped in; never from the command line.
   *
   * @throws VectabaseError USAGE when none of them brings one
   */
  protected async valueFrom(
    flags: { 'from-file': string | undefined; 'no-input': boolean },
    question: string,
  ): Promise<Buffer> {
    const file = flags['from-file'];
    if (file !== undefined || !process.stdin.isTTY) return readGiven(file);
    if (this.mayAsk(flags)) return Buffer.from(await askSecret(question));
    throw new VectabaseError('USAGE', {
      message: 'there is no value: nothing is piped in, and nobody can be asked',
      hint: 'Pipe it in, or name a file with --from-file FILE.',
    });
  }
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
