import { Args, Flags } from '@oclif/core';
import { paint } from '../../cli/render/paint.ts';
import { readGiven } from '../../cli/piped-value.ts';
import { SecretsCommand } from '../../cli/secrets-command.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { SecretsDiff as Result } from '../../operator/secrets/diff.ts';

export default class SecretsDiff extends SecretsCommand<Result> {
  static override summary = 'which names differ from another environment, or from a file; never a value';
  static override description = 'Exit code 0 when both sides hold the same, 6 when they differ.';
  static override examples = [
    '<%= config.bin %> secrets diff staging',
    '<%= config.bin %> secrets diff --file .env',
    '<%= config.bin %> secrets diff local --environment staging --json',
  ];
  static override args = { other: Args.string({ ignoreStdin: true, description: 'environment to compare with' }) };
  static override flags = {
    file: Flags.string({ summary: 'dotenv file to compare with', helpValue: 'FILE' }),
  };

  async run(): Promise<Result> {
    const { args, flags } = await this.parse(SecretsDiff);
    const { openSecrets } = await import('../../operator/secrets/store.ts');
    const { diffEnvironments, diffFile, differences } = await import('../../operator/secrets/diff.ts');
    const { decodeText } = await import('../../operator/secrets/text.ts');
    if ((args.other === undefined) === (flags.file === undefined)) throw oneSide();
    const store = await openSecrets(this.opening(flags));
    const result =
      flags.file === undefined
        ? await diffEnvironments(store, args.other ?? '')
        : await diffFile(store, flags.file, decodeText(await readGiven(flags.file), flags.file));
    this.print(shown(result));
    const error = differences(result);
    if (error !== undefined) throw error;
    return result;
  }
}

function shown({ left, right, onlyLeft, onlyRight, differing, equal }: Result): string {
  const style = paint(process.stdout);
  const lines = [
    ...onlyLeft.map((name) => `${style.red('-')} ${name}  ${style.dim(`only in ${left}`)}`),
    ...onlyRight.map((name) => `${style.green('+')} ${name}  ${style.dim(`only in ${right}`)}`),
    ...differing.map((name) => `${style.yellow('~')} ${name}  ${style.dim('another value')}`),
    `${equal.length} equal`,
  ];
  return `${lines.join('\n')}\n`;
}

function oneSide(): VectabaseError {
  return new VectabaseError('USAGE', {
    message: 'either another environment or a file is compared with',
    hint: 'Run vectabase secrets diff staging, or vectabase secrets diff --file .env',
  });
}
