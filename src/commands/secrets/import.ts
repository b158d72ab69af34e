import { Flags } from '@oclif/core';
import { askSecret, openTerminal, secretAsker } from '../../cli/prompts.ts';
import { paint } from '../../cli/render/paint.ts';
import { readGiven } from '../../cli/piped-value.ts';
import { SecretsCommand } from '../../cli/secrets-command.ts';
import { visible } from '../../foundation/core/visible.ts';
import type { ParseNote } from '../../operator/secrets/dotenv.ts';
import type { HostedName } from '../../operator/secrets/import-formats.ts';
import type { AskValue, HostedResult } from '../../operator/secrets/import-hosted.ts';
import type { ImportResult } from '../../operator/secrets/import.ts';
import type { SecretStore } from '../../operator/secrets/store.ts';

type Result = ImportResult | HostedResult;

export default class SecretsImport extends SecretsCommand<Result> {
  static override summary = 'take in secrets from a file, from the database of a source, or by asking for each';
  static override description = `From a file or pipe: dotenv (also the env file of the Supabase CLI), a JSON object, or a list of names. A value that is here already stays, unless --overwrite.
--source reads Vault (vault.decrypted_secrets) and the secret rows of bot_config in a Supabase project, as far as the role may.
Secrets of hosted functions cannot be read back: pipe in supabase secrets list --output json, or say --hosted for the names that the shop's functions use, and you are asked for each. With the list, each answer is compared with the hosted value's digest.`;
  static override examples = [
    '<%= config.bin %> secrets import --from-file .env',
    'supabase secrets list --output json | <%= config.bin %> secrets import',
    'VECTABASE_SOURCE_URL=… <%= config.bin %> secrets import --source',
  ];
  static override flags = {
    'from-file': Flags.string({ summary: 'file to read, in place of what is piped in', helpValue: 'FILE' }),
    format: Flags.option({
      summary: 'what it is (default: told by the text)',
      options: ['dotenv', 'json', 'names'] as const,
    })(),
    hosted: Flags.boolean({
      summary: 'ask for every name that the functions use',
      default: false,
      exclusive: ['from-file', 'source'],
    }),
    source: Flags.boolean({ summary: 'read the database of the source', default: false, exclusive: ['from-file'] }),
    'source-file': Flags.string({
      summary: 'file with the connection string of the source',
      helpValue: 'FILE',
      dependsOn: ['source'],
    }),
    overwrite: Flags.boolean({ summary: 'replace values that are here already', default: false }),
    'dry-run': Flags.boolean({ summary: 'tell what would be taken in, and change nothing', default: false }),
  };

  async run(): Promise<Result> {
    const { flags } = await this.parse(SecretsImport);
    const { openSecrets } = await import('../../operator/secrets/store.ts');
    const { importValues } = await import('../../operator/secrets/import.ts');
    const options = { overwrite: flags.overwrite, dryRun: flags['dry-run'] };
    const opening = this.opening(flags);
    if (flags.hosted) {
      const { shippedNames } = await import('../../operator/secrets/import-hosted.ts');
      return this.#askForEach(await openSecrets(opening), shippedNames(), flags);
    }
    if (flags.source) {
      const values = await this.#readSource(flags);
      return this.#present(
        await importValues(await openSecrets(opening), values, { ...options, from: 'source' }),
        options,
      );
    }
    const { parseImport } = await import('../../operator/secrets/import-formats.ts');
    const { decodeText } = await import('../../operator/secrets/text.ts');
    const name = flags['from-file'] ?? 'stdin';
    const bytes = await readGiven(flags['from-file']);
    const incoming = parseImport(decodeText(bytes, name), name, flags.format);
    if (incoming.kind === 'names') return this.#askForEach(await openSecrets(opening), incoming.names, flags);
    for (const note of incoming.notes) this.say(inWords(note));
    return this.#present(
      await importValues(await openSecrets(opening), incoming.values, { ...options, from: name }),
      options,
    );
  }

  async #readSource(flags: {
    'source-file': string | undefined;
    'no-input': boolean;
  }): Promise<ReadonlyMap<string, string>> {
    const { locateSource, readSourceSecrets } = await import('../../operator/secrets/import-source.ts');
    const ask = secretAsker(this.mayAsk(flags), 'connection string of the source');
    const { places, renamed, values } = await readSourceSecrets(await locateSource(flags['source-file'], ask));
    for (const { place, found } of places)
      this.say(`${place}: ${typeof found === 'number' ? `${found} found` : found}`);
    for (const [from, to] of renamed) this.say(`${visible(from)} is ${to} here`);
    return values;
  }

  async #askForEach(store: SecretStore, names: readonly HostedName[], flags: { 'no-input': boolean }): Promise<Result> {
    const { importHosted, stillMissing } = await import('../../operator/secrets/import-hosted.ts');
    const terminal = flags['no-input'] || this.jsonEnabled() ? undefined : openTerminal();
    const ask: AskValue = async ({ name, position, of, differs }) => {
      if (differs) this.say('That is not the value that the hosted project has. Type it again, or Enter to keep it.');
      const typed = await askSecret(`${name} (${position} of ${of}, Enter leaves it out)`, terminal);
      return typed === '' ? undefined : typed;
    };
    try {
      const result = await importHosted(store, names, terminal && ask);
      const style = paint(process.stdout);
      const proved = result.proved.length === 0 ? '' : `, ${result.proved.length} proved equal to the hosted value`;
      this.print(`${style.green('✓')} ${result.set.length} set, ${result.present.length} were here${proved}\n`);
      const error = stillMissing(result);
      if (error !== undefined) throw error;
      return result;
    } finally {
      terminal?.destroy();
    }
  }

  #present(result: ImportResult, { dryRun }: { dryRun: boolean }): ImportResult {
    const style = paint(process.stdout);
    const would = dryRun ? 'would be ' : '';
    const lines: Array<[sign: string, names: readonly string[], what: string]> = [
      [style.green('+'), result.added, `${would}added`],
      [style.yellow('~'), result.replaced, `${would}replaced`],
      [style.dim('='), result.equal, 'here already'],
      [style.yellow('!'), result.kept, 'kept: another value is here; --overwrite replaces it'],
      [style.dim('-'), result.skipped, 'left out: given by the platform itself, empty, or no name for a variable'],
    ];
    const shown = lines.flatMap(([sign, names, what]) =>
      names.map((name) => `${sign} ${visible(name)}  ${style.dim(what)}`),
    );
    this.print(`${shown.join('\n') || 'there was nothing to take in'}\n`);
    return result;
  }
}

function inWords({ name, line, what }: ParseNote): string {
  const told = {
    duplicate: 'stands there twice: the later one counts',
    dollar: 'holds $ outside of single quotes: kept as it stands, some readers would put a variable there',
    hash: 'holds #: kept as it stands, some readers would cut there',
  };
  return `line ${line}: ${name} ${told[what]}`;
}
