import { Flags } from '@oclif/core';
import { SecretsCommand } from '../../cli/secrets-command.ts';
import { exitCodeOf, splitWords } from '../../cli/stand-in.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';

export default class SecretsExec extends SecretsCommand<void> {
  static override enableJsonFlag = false;
  static override stopSignals = [];
  static override summary = 'run a program with the secrets in its environment';
  static override description = `The values are in the memory of that program and in no file. It gets your environment too, but none of the VECTABASE_* variables. Signals, exit code and terminal are its own.`;
  static override examples = [
    '<%= config.bin %> secrets exec -- node server.js',
    '<%= config.bin %> secrets exec --only STRIPE_SECRET_KEY --reason "list payouts" -- stripe payouts list',
    '<%= config.bin %> secrets exec --only VECTABASE_MASTER_KEY -- vectabase up',
  ];
  static override usage = 'secrets exec [--only NAME]... -- PROGRAM [ARGUMENT]...';
  static override flags = {
    only: Flags.string({
      summary: 'hand over this name alone; may be given more than once',
      multiple: true,
      helpValue: 'NAME',
    }),
  };

  async run(): Promise<void> {
    const { own, behind = [] } = splitWords(this.argv);
    const [program, ...words] = behind;
    const { flags } = await this.parse(SecretsExec, own);
    if (program === undefined) throw noProgram();
    const { openSecrets } = await import('../../operator/secrets/store.ts');
    const { execWithSecrets } = await import('../../operator/secrets/exec.ts');
    const store = await openSecrets(this.opening(flags));
    this.exit(await exitCodeOf(await execWithSecrets(store, [program, ...words], flags.only)));
  }
}

function noProgram(): VectabaseError {
  return new VectabaseError('USAGE', {
    message: 'the program to run stands behind --',
    hint: 'Run: vectabase secrets exec -- PROGRAM, as in: vectabase secrets exec -- node server.js',
  });
}
