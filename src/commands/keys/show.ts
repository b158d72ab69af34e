import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { paint } from '../../cli/render/paint.ts';
import { table } from '../../cli/render/table.ts';
import { formatAge } from '../../cli/render/units.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { instant } from '../../foundation/core/numbers.ts';
import type { ShownKeys } from '../../operator/keys/show.ts';

export default class KeysShow extends BaseCommand<ShownKeys> {
  static override summary = 'list API keys and signing keys, their age and status';
  static override description =
    'Shows enough of a key to know it by. --reveal prints what may stand in a web page; --reveal-secret also the secret keys and the JWT secret, on a terminal or with --json only. Private parts of key pairs are never printed.';
  static override examples = [
    '<%= config.bin %> keys show',
    '<%= config.bin %> keys show --reveal',
    '<%= config.bin %> keys show --reveal-secret --json | jq -r \'.apiKeys[] | select(.kind == "secret").key\'',
  ];
  static override flags = {
    reveal: Flags.boolean({ summary: 'print publishable keys and the legacy anon key whole' }),
    'reveal-secret': Flags.boolean({ summary: 'print secret keys and the JWT secret too' }),
  };

  async run(): Promise<ShownKeys> {
    const { flags } = await this.parse(KeysShow);
    const secret = flags['reveal-secret'];
    if (secret && !this.jsonEnabled() && !process.stdout.isTTY) throw notHere();
    const { describeKeys } = await import('../../operator/keys/show.ts');
    const { readKeys } = await import('../../operator/keys/store.ts');
    const now = Date.now();
    const result = describeKeys(await readKeys(flags.dir), { publishable: flags.reveal || secret, secret }, now);
    this.print(shown(result, now));
    return result;
  }
}

/** A pipe or a file that was not asked for in so many words is where secrets get lost. */
function notHere(): VectabaseError {
  return new VectabaseError('USAGE', {
    message: '--reveal-secret prints on a terminal only',
    hint: 'Add --json to write the keys into a pipe or a file.',
  });
}

function shown({ apiKeys, signingKeys, jwtSecret }: ShownKeys, now: number): string {
  const style = paint(process.stdout);
  const age = (from: string | null): string => (from === null ? '' : formatAge(now - Date.parse(from)));
  const until = ({ notAfter, accepted }: { notAfter: string | null; accepted: boolean }): string =>
    accepted ? (notAfter === null ? 'yes' : `until ${instant(notAfter)}`) : 'no';
  const api = apiKeys.map((each) => [each.kind, each.name, each.role, age(each.createdAt), until(each), each.key]);
  const signing = signingKeys.map((each) => [each.kid, each.alg, each.status, age(each.createdAt), until(each)]);
  return [
    style.bold('API keys'),
    table(['kind', 'name', 'role', 'age', 'accepted', 'key'], api, style),
    '',
    style.bold('Signing keys'),
    table(['kid', 'algorithm', 'status', 'age', 'accepted'], signing, style),
    ...(jwtSecret === undefined ? [] : ['', `${style.dim('JWT secret')}  ${jwtSecret}`]),
    '',
  ].join('\n');
}
