import { Flags } from '@oclif/core';
import type { Settings } from '../foundation/config/definitions.ts';

/** What an installed machine is told; without a flag, what `vectabase.yml` says. */
export const installFlags = {
  postgres: Flags.integer({ summary: 'major version of Postgres [default: 17]', min: 16, max: 18, helpValue: 'MAJOR' }),
  port: Flags.integer({ summary: 'port of the API [default: 54321]', min: 1, max: 65_535 }),
  'pg-port': Flags.integer({ summary: 'port of Postgres [default: 5432]', min: 1, max: 65_535 }),
  'pooler-port': Flags.integer({ summary: 'port of PgBouncer [default: 6432]', min: 1, max: 65_535 }),
  listen: Flags.string({
    summary: 'address besides loopback for Postgres and PgBouncer; can be given several times',
    multiple: true,
    helpValue: 'ADDRESS',
  }),
  'public-url': Flags.string({ summary: 'how clients reach the API', helpValue: 'URL' }),
  edge: Flags.string({ summary: 'who ends TLS for it', options: ['none', 'caddy', 'own-certificate'] }),
  'certificate-authority': Flags.string({
    summary: 'who signs what Caddy presents [default: acme]',
    options: ['acme', 'internal'],
  }),
  'acme-email': Flags.string({ summary: 'where the authority writes', helpValue: 'ADDRESS' }),
  certificate: Flags.string({ summary: 'own certificate with its chain, PEM', helpValue: 'FILE' }),
  'certificate-key': Flags.string({ summary: 'its key, PEM, mode 0600', helpValue: 'FILE' }),
  volume: Flags.string({
    summary: 'where data is encrypted: fscrypt, luks:DEVICE, luks-file:SIZE, existing [default: fscrypt]',
    helpValue: 'VOLUME',
  }),
  'volume-key': Flags.string({
    summary: 'what opens it at boot [default: auto]',
    options: ['auto', 'tpm2', 'credential', 'passphrase'],
  }),
  'recovery-file': Flags.string({
    summary: 'where its recovery key is written; without it the key is shown once',
    helpValue: 'FILE',
  }),
  'allow-plaintext': Flags.boolean({
    summary: 'go without an encrypted volume; every status says so',
    exclusive: ['volume'],
    default: false,
  }),
  'open-port': Flags.integer({
    summary: 'port that the firewall leaves open; can be given several times',
    multiple: true,
    min: 1,
    max: 65_535,
    helpValue: 'PORT',
  }),
  harden: Flags.boolean({
    summary: 'set up firewall, security upgrades and log limits too [default: yes]',
    allowNo: true,
  }),
};

/** Another machine, instead of this one. */
export const hostFlags = {
  host: Flags.string({ summary: 'do it on another machine, over ssh', helpValue: 'USER@HOST' }),
  'ssh-port': Flags.integer({ summary: 'port of its ssh server', min: 1, max: 65_535, dependsOn: ['host'] }),
  'ssh-identity': Flags.string({ summary: 'private key to log in with', helpValue: 'FILE', dependsOn: ['host'] }),
};

/** A command line for that machine: all that was said here but where. */
export function wordsForHost(argv: readonly string[]): string[] {
  const own = new Set(Object.keys(hostFlags).map((name) => `--${name}`));
  const words: string[] = [];
  const rest = argv[Symbol.iterator]();
  for (const word of rest) {
    if (!own.has(word.split('=')[0] ?? '')) words.push(word);
    else if (!word.includes('=')) rest.next(); // its value
  }
  return words;
}

interface Given {
  readonly dir: string;
  readonly postgres?: number | undefined;
  readonly port?: number | undefined;
  readonly 'pg-port'?: number | undefined;
  readonly 'pooler-port'?: number | undefined;
  readonly listen?: readonly string[] | undefined;
  readonly 'public-url'?: string | undefined;
  readonly edge?: string | undefined;
  readonly 'certificate-authority'?: string | undefined;
  readonly 'acme-email'?: string | undefined;
  readonly certificate?: string | undefined;
  readonly 'certificate-key'?: string | undefined;
  readonly volume?: string | undefined;
  readonly 'volume-key'?: string | undefined;
  readonly 'allow-plaintext': boolean;
  readonly 'open-port'?: readonly number[] | undefined;
  readonly harden?: boolean | undefined;
}

/** The settings of the machine with the flags over them. @throws CONFIG_INVALID */
export async function settingsOf(flags: Given): Promise<Settings> {
  const { loadSettings } = await import('../foundation/config/settings.ts');
  const { INSTALLED } = await import('../foundation/config/directory.ts');
  const given = {
    'api.port': flags.port,
    'api.publicUrl': flags['public-url'],
    'install.postgresMajor': flags.postgres,
    'install.postgresPort': flags['pg-port'],
    'install.poolerPort': flags['pooler-port'],
    'install.listen': flags.listen,
    'install.edge': flags.edge,
    'install.certificateAuthority': flags['certificate-authority'],
    'install.acmeEmail': flags['acme-email'],
    'install.certificateFile': flags.certificate,
    'install.certificateKeyFile': flags['certificate-key'],
    'install.volume': flags['allow-plaintext'] ? 'plaintext' : flags.volume,
    'install.volumeKey': flags['volume-key'],
    'install.openPorts': flags['open-port'],
    'install.hardenHost': flags.harden,
  };
  return loadSettings({ dir: INSTALLED.configuration, flags: given }).settings;
}
