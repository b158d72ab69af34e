import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { whoKnows } from '../../cli/keys-flags.ts';
import { targetWords } from '../../foundation/core/shell-words.ts';
import { confirmByName } from '../../cli/prompts.ts';

interface Result {
  readonly what: 'api' | 'signing' | 'legacy';
  readonly id: string;
  readonly daemon: boolean;
}

export default class KeysRevoke extends BaseCommand<Result> {
  static override summary = 'refuse a key from now on';
  static override description =
    'Takes an API key or a signing key as keys show prints it, or legacy for the anon and service_role keys of old; --undo lets those in again. Other keys do not come back: rotate first where clients need one.';
  static override examples = [
    '<%= config.bin %> keys revoke sb_secret_8I4Se',
    '<%= config.bin %> keys revoke legacy --confirm legacy',
    '<%= config.bin %> keys revoke legacy --undo',
  ];
  static override args = {
    key: Args.string({ ignoreStdin: true, description: 'sb_secret_8I4Se, a kid, or legacy', required: true }),
  };
  static override flags = {
    confirm: Flags.string({ summary: 'the key again, in place of the prompt', helpValue: 'KEY' }),
    undo: Flags.boolean({ summary: 'legacy: accept them again', exclusive: ['confirm'] }),
  };

  async run(): Promise<Result> {
    const { args, flags } = await this.parse(KeysRevoke);
    const { changeKeys, readKeys } = await import('../../operator/keys/store.ts');
    const { findRevocable, restoreLegacy } = await import('../../operator/keys/revoke.ts');
    if (flags.undo) {
      const undone = await changeKeys(flags.dir, async (keys) => ({
        keys: restoreLegacy(keys, args.key),
        value: null,
      }));
      this.print('The legacy API keys are accepted again.\n');
      this.say(whoKnows(undone.daemon));
      return { what: 'legacy', id: args.key, daemon: undone.daemon };
    }
    const found = findRevocable(await readKeys(flags.dir), args.key);
    await confirmByName({
      name: found.id,
      given: flags.confirm,
      what: WARNINGS[found.what],
      ask: this.mayAsk(flags),
      command: `vectabase keys revoke ${found.id}${targetWords(flags)}`,
    });
    const { daemon } = await changeKeys(flags.dir, async (keys) => {
      const { id, revoke } = findRevocable(keys, args.key);
      return { keys: revoke(keys), value: id };
    });
    this.print(`${found.id} is refused from now on.\n`);
    this.say(whoKnows(daemon));
    return { what: found.what, id: found.id, daemon };
  }
}

const WARNINGS = {
  api: 'every client that has this API key is refused at once',
  signing: 'every token that this key signed is refused at once; with a JWT secret, the legacy API keys too',
  legacy: 'every client that has the legacy anon or service_role key is refused at once',
};
