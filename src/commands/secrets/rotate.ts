import { Args, Flags } from '@oclif/core';
import { SecretsCommand } from '../../cli/secrets-command.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { RotateResult } from '../../operator/secrets/rotate.ts';

type Result =
  | RotateResult
  | { readonly recipient: string; readonly sealed: readonly string[] }
  | { readonly sealed: readonly string[] };

export default class SecretsRotate extends SecretsCommand<Result> {
  static override summary = 'a new value for a secret, a new private key, or files sealed for the list as it is now';
  static override description = `With NAME: takes a new value as vectabase secrets set does, or makes one up, and then runs secrets/on-rotated NAME ENVIRONMENT if there is such a program: restart there what reads the value only at its start.
With --identity: makes a new private key for this machine and seals every file for it in place of the old one.
Without either: seals every file that is behind for those on the list of recipients.`;
  static override examples = [
    '<%= config.bin %> secrets rotate STRIPE_WEBHOOK_SECRET --keep-previous',
    '<%= config.bin %> secrets rotate SESSION_KEY --generate',
    '<%= config.bin %> secrets rotate --identity',
  ];
  static override args = {
    name: Args.string({ ignoreStdin: true, description: 'as STRIPE_SECRET_KEY' }),
    value: Args.string({ ignoreStdin: true, hidden: true }), // to be refused with the reason
  };
  static override flags = {
    'from-file': Flags.string({ summary: 'file with the new value', helpValue: 'FILE' }),
    generate: Flags.boolean({ summary: 'make up a value: 192 random bits in 32 characters', default: false }),
    'keep-previous': Flags.boolean({ summary: 'keep the old value as NAME_PREVIOUS', default: false }),
    identity: Flags.boolean({ summary: 'replace the private key of this machine', default: false }),
  };

  async run(): Promise<Result> {
    const { args, flags } = await this.parse(SecretsRotate);
    if (args.value !== undefined || args.name?.includes('=') === true) throw noValue();
    if (args.name !== undefined && flags.identity) throw oneThing();
    const { openSecrets } = await import('../../operator/secrets/store.ts');
    const { rotateIdentity, rotateSecret } = await import('../../operator/secrets/rotate.ts');
    if (args.name === undefined) {
      const store = await openSecrets(this.opening(flags));
      if (flags.identity) {
        const result = await rotateIdentity(store);
        this.print(
          `This machine's public key is ${result.recipient} now; sealed anew: ${result.sealed.join(', ') || 'nothing'}\n`,
        );
        this.say('Keep a copy of the new secrets/identity elsewhere, and commit the recipients and the files.');
        return result;
      }
      const results = await store.rewrap({ operation: 'rewrap' });
      const sealed = results.filter(({ change }) => change === 'written').map(({ environment }) => environment);
      this.print(
        sealed.length === 0 ? 'every file is sealed for the list as it is\n' : `sealed anew: ${sealed.join(', ')}\n`,
      );
      return { sealed };
    }
    const { newPassword } = await import('../../foundation/crypto/passwords.ts');
    const { decodeValue } = await import('../../operator/secrets/text.ts');
    const value = flags.generate
      ? newPassword()
      : decodeValue(await this.valueFrom(flags, `new value of ${args.name}`), 'the value', false);
    const store = await openSecrets(this.opening(flags));
    const result = await rotateSecret(store, args.name, value, { keepPrevious: flags['keep-previous'] });
    this.print(`${result.name} has a new value in ${result.environment}\n`);
    if (result.hook !== null && result.hook.exitCode !== 0) {
      this.say(
        `${result.hook.file} ended with ${result.hook.exitCode}: what depends on ${result.name} may have the old value still.`,
      );
    }
    return result;
  }
}

function noValue(): VectabaseError {
  return new VectabaseError('USAGE', {
    message: 'a value does not belong on the command line',
    hint: 'Pipe it in, name a file with --from-file FILE, or let one be made up with --generate.',
  });
}

function oneThing(): VectabaseError {
  return new VectabaseError('USAGE', {
    message: 'a name and --identity are two things to rotate',
    hint: 'Run vectabase secrets rotate NAME, or vectabase secrets rotate --identity.',
  });
}
