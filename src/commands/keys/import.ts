import { readFile } from 'node:fs/promises';
import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { spanFlag, whoKnows } from '../../cli/keys-flags.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { instant } from '../../foundation/core/numbers.ts';
import type { Imported } from '../../operator/keys/import.ts';

type Result = Imported & { readonly daemon: boolean };

export default class KeysImport extends BaseCommand<Result> {
  static override summary = 'bring the keys of a hosted project along, so that only the URL changes';
  static override description = [
    'With the legacy JWT secret, anon and service_role keys and tokens of people who are signed in go on working. With the public key set, tokens that the project signed with its newer keys are accepted for --overlap. With its sb_ keys, clients keep theirs.',
    'Values come from files, never from the command line. What the installation has already stays.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> keys import --jwt-secret-file secret.txt',
    '<%= config.bin %> keys import --jwks jwks.json --overlap 7d --api-keys-file keys.txt',
  ];
  static override flags = {
    jwks: Flags.string({
      summary: 'what /auth/v1/.well-known/jwks.json answers; verified with only',
      helpValue: 'FILE',
    }),
    overlap: spanFlag({ summary: 'how long tokens of those keys are accepted [default: 7d]', dependsOn: ['jwks'] }),
    'jwt-secret-file': Flags.string({ summary: 'the legacy JWT secret', helpValue: 'FILE' }),
    'api-keys-file': Flags.string({ summary: 'sb_publishable_ and sb_secret_ keys, one a line', helpValue: 'FILE' }),
    name: Flags.string({ summary: 'name of the API keys here', default: 'imported' }),
  };

  async run(): Promise<Result> {
    const { flags } = await this.parse(KeysImport);
    const files = [flags.jwks, flags['jwt-secret-file'], flags['api-keys-file']];
    if (files.every((file) => file === undefined)) throw nothingGiven();
    const [jwks, secret, apiKeys] = await Promise.all(files.map(readText));
    const { changeKeys } = await import('../../operator/keys/store.ts');
    const { importKeys } = await import('../../operator/keys/import.ts');
    const jwksLife = flags.overlap ?? 7 * 86_400_000;
    const { value, daemon } = await changeKeys(flags.dir, async (keys) =>
      importKeys(keys, { jwks, jwksLife, secret, apiKeys, name: flags.name, now: Date.now() }),
    );
    this.print(report(value));
    this.say(whoKnows(daemon));
    return { ...value, daemon };
  }
}

async function readText(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error';
    throw new VectabaseError('USAGE', {
      message: `${file} cannot be read (${code})`,
      hint: 'Name a file that is there.',
      cause,
    });
  }
}

function nothingGiven(): VectabaseError {
  return new VectabaseError('USAGE', {
    message: 'nothing to import was named',
    hint: 'Give --jwt-secret-file, --jwks or --api-keys-file.',
  });
}

function report({ verifyOnly, secret, apiKeys }: Imported): string {
  const lines = verifyOnly.map(
    ({ kid, alg, notAfter }) => `${alg} key ${kid}: its tokens are accepted until ${instant(notAfter)}`,
  );
  if (secret === 'imported') lines.push('JWT secret: its anon and service_role keys and its tokens are accepted');
  if (secret === 'known') lines.push('JWT secret: it was here already');
  if (apiKeys.length > 0) lines.push(`API keys: ${apiKeys.map(({ kind }) => kind).join(', ')}`);
  return `${lines.join('\n')}\n`;
}
