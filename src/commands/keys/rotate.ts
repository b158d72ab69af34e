import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { spanFlag, whoKnows } from '../../cli/keys-flags.ts';
import { targetWords } from '../../foundation/core/shell-words.ts';
import { confirmByName } from '../../cli/prompts.ts';
import { instant } from '../../foundation/core/numbers.ts';

interface Result {
  readonly rotated: 'api' | 'signing';
  /** Starts of the API keys, or the id of the key that signs now. */
  readonly made: readonly string[];
  readonly ending: ReadonlyArray<{ readonly id: string; readonly notAfter: string | null }>;
  readonly daemon: boolean;
}

const DAY = 86_400_000;

export default class KeysRotate extends BaseCommand<Result> {
  static override summary = 'make new keys, and let the old ones run out';
  static override description = [
    'api: new publishable and secret keys beside the old ones, which go on for --overlap (7 days).',
    'signing: the key in standby signs from now on; tokens of the one before are accepted for --overlap (as long as a token lives: auth.jwtExpiry). A project secret stays accepted, since the legacy API keys are signed with it.',
    '--now ends the old ones at once, and asks first.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> keys rotate api',
    '<%= config.bin %> keys rotate api --kind secret --name billing --overlap 1d',
    '<%= config.bin %> keys rotate signing --alg ES256',
  ];
  static override args = {
    what: Args.string({ ignoreStdin: true, options: ['api', 'signing'] as const, required: true }),
  };
  static override flags = {
    overlap: spanFlag({
      summary: 'how long the old ones go on [default: 7d, signing: auth.jwtExpiry]',
      exclusive: ['now'],
    }),
    now: Flags.boolean({ summary: 'end the old ones at once' }),
    confirm: Flags.string({ summary: 'api or signing again, in place of the prompt', helpValue: 'NAME' }),
    kind: Flags.option({ summary: 'api: only keys of one kind', options: ['publishable', 'secret'] as const })(),
    name: Flags.string({ summary: 'api: which ones; a new name makes further keys [default: default]' }),
    alg: Flags.option({
      summary: 'signing: algorithm of the new key',
      options: ['ES256', 'RS256', 'EdDSA', 'HS256'] as const,
    })(),
  };

  async run(): Promise<Result> {
    const { args, flags } = await this.parse(KeysRotate);
    const rotated = args.what as Result['rotated'];
    if (flags.now) {
      await confirmByName({
        name: rotated,
        given: flags.confirm,
        what: WARNINGS[rotated],
        ask: this.mayAsk(flags),
        command: `vectabase keys rotate ${rotated} --now${targetWords(flags)}`,
      });
    }
    const { loadSettings } = await import('../../foundation/config/settings.ts');
    const { changeKeys } = await import('../../operator/keys/store.ts');
    const { rotateApiKeys, rotateSigningKey } = await import('../../operator/keys/rotate.ts');
    const { startOf } = await import('../../operator/keys/show.ts');
    const now = Date.now();
    const { value, daemon } = await changeKeys(flags.dir, async (keys) => {
      if (rotated === 'api') {
        const kinds = flags.kind ? [flags.kind] : (['publishable', 'secret'] as const);
        const overlap = flags.now ? 0 : (flags.overlap ?? 7 * DAY);
        const result = rotateApiKeys(keys, { kinds, name: flags.name ?? 'default', overlap, now });
        const ending = result.ending.map(({ key, notAfter }) => ({ id: startOf(key), notAfter: notAfter ?? null }));
        return { keys: result.keys, value: { made: result.made.map(({ key }) => startOf(key)), ending } };
      }
      const { settings } = loadSettings({ dir: flags.dir });
      const overlap = flags.now ? 0 : (flags.overlap ?? settings.auth.jwtExpiry * 1_000);
      const result = await rotateSigningKey(keys, { alg: flags.alg, overlap, endLegacy: flags.now, now });
      const { previous, active, announced } = result;
      if (!announced) this.say('The new key was not in the public set before: who caches that may need ten minutes.');
      const ending = previous ? [{ id: previous.kid, notAfter: previous.notAfter ?? null }] : [];
      return { keys: result.keys, value: { made: [active.kid], ending } };
    });
    this.print(report(rotated, value, targetWords(flags)));
    this.say(whoKnows(daemon));
    return { rotated, ...value, daemon };
  }
}

const WARNINGS = {
  api: 'this ends the present API keys at once: every client that has one is refused until it gets a new one',
  signing:
    'this ends every session token at once (clients refresh them), and where the project secret signed, the legacy API keys with it',
};

function report(rotated: Result['rotated'], { made, ending }: Pick<Result, 'made' | 'ending'>, where: string): string {
  const news =
    rotated === 'api' ? `New: ${made.map((start) => `${start}…`).join(', ')}` : `${made.join()} signs from now on`;
  const old = ending.map(
    ({ id, notAfter }) => `${id} ${notAfter === null ? 'stays accepted' : `ends ${instant(notAfter)}`}`,
  );
  const next = rotated === 'api' ? [`Whole: vectabase keys show --reveal${where}, or --reveal-secret`] : [];
  return `${[news, ...old, ...next].join('\n')}\n`;
}
