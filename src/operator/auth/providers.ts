import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { DEFINITIONS, type Settings } from '../../foundation/config/definitions.ts';
import { loadSettings } from '../../foundation/config/settings.ts';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { shellWord, targetWords } from '../../foundation/core/shell-words.ts';
import { readRunningInstallation } from '../../foundation/postgres/installation.ts';
import { isRoot } from '../../foundation/process/service-user.ts';
import { editSettings } from '../../foundation/process/settings-file.ts';

export interface ShownProvider {
  readonly name: string;
  readonly enabled: boolean;
  readonly clientId: string;
  readonly secret: 'set' | 'unset';
  readonly issuer: string | null;
  /** What to register at the provider, letter for letter. */
  readonly redirectUri: string;
}

export interface ProviderList {
  /** What a provider that is not set up yet would have to be told. */
  readonly redirectUri: string;
  readonly providers: readonly ShownProvider[];
}

export interface ProviderWish {
  readonly dir: string;
  readonly name: string;
  readonly clientId: string | undefined;
  /** Undefined: the one that is there stays. */
  readonly secret: string | undefined;
  readonly issuer: string | undefined;
  readonly scopes: readonly string[] | undefined;
  readonly enabled: boolean | undefined;
}

type Provider = Settings['auth']['external'][string];

/** Known by name; any other needs its issuer. */
const KNOWN = ['google', 'discord', 'github'];

export async function listProviders(dir: string): Promise<ProviderList> {
  const { settings } = loadSettings({ dir });
  const redirectUri = await callbackOf(dir, settings);
  const providers = Object.entries(settings.auth.external).map(([name, each]) => shown(name, each, redirectUri));
  return { redirectUri, providers };
}

/**
 * Writes a provider into vectabase.yml, comments kept, and its secret into a file of its own beside it.
 *
 * @throws VectabaseError USAGE, CONFIG_INVALID
 */
export async function setProvider(wish: ProviderWish): Promise<ShownProvider> {
  const { dir, name } = wish;
  const known = loadSettings({ dir }).settings.auth.external[name];
  const clientId = wish.clientId ?? known?.clientId;
  if (!/^[a-z0-9][a-z0-9_:-]{0,62}$/.test(name))
    throw usage(`${name} is no name for a provider`, 'Use lower-case letters and digits.');
  if (clientId === undefined)
    throw usage(
      `${name} needs a client id`,
      `Run vectabase auth providers set ${name} --client-id ID${targetWords(wish)}`,
    );
  const issuer = wish.issuer ?? known?.issuer;
  if (issuer === undefined && !KNOWN.includes(name)) {
    throw usage(`${name} is not known by name`, 'Give the address of its OpenID Connect issuer: --issuer https://….');
  }
  const next = withoutUndefined({
    ...known,
    secret: wish.secret === undefined ? known?.secret : undefined,
    clientId,
    secretFile: wish.secret === undefined ? known?.secretFile : secretPath(dir, name),
    issuer,
    scopes: wish.scopes ?? known?.scopes,
    enabled: wish.enabled ?? known?.enabled,
  });
  assertAccepted(name, next); // before anything is written: with a bad file nothing starts any more
  if (next['secret'] === undefined && next['secretFile'] === undefined && next['enabled'] !== false) {
    const command = `vectabase auth providers set ${name} --client-id ${shellWord(clientId)} --from-file FILE`;
    throw usage(`${name} needs its client secret`, `Run ${command}${targetWords(wish)}; - is stdin.`);
  }
  if (wish.secret !== undefined) await keepSecret(dir, name, wish.secret);
  await editSettings(dir, (document) => document.setIn(['auth', 'external', name], document.createNode(next)));
  const { settings } = loadSettings({ dir });
  const saved = settings.auth.external[name];
  if (!saved) throw usage('VECTABASE_AUTH_EXTERNAL is set and hides the file', 'Unset it, or change it there.');
  return shown(name, saved, await callbackOf(dir, settings));
}

/** @throws VectabaseError USAGE when it is not there */
export async function removeProvider(dir: string, name: string): Promise<{ readonly name: string }> {
  if (!loadSettings({ dir }).settings.auth.external[name]) {
    throw usage(`${name} is not set up`, `Run vectabase auth providers${targetWords({ dir })} to see which are.`);
  }
  await editSettings(dir, (document) => document.deleteIn(['auth', 'external', name]));
  await rm(secretPath(dir, name), { force: true });
  return { name };
}

/** @throws VectabaseError USAGE */
function assertAccepted(name: string, provider: Readonly<Record<string, unknown>>): void {
  const [issue] = DEFINITIONS.auth.external.schema.safeParse({ [name]: provider }).error?.issues ?? [];
  if (issue) throw usage(`${issue.path.join(' ') || name}: ${issue.message}`, 'Correct it and run the command again.');
}

function shown(name: string, each: Provider, callback: string): ShownProvider {
  return {
    name,
    enabled: each.enabled ?? true,
    clientId: each.clientId,
    secret: each.secret === undefined && each.secretFile === undefined ? 'unset' : 'set',
    issuer: each.issuer ?? null,
    redirectUri: each.redirectUri ?? callback,
  };
}

/** The configured address; that of the daemon that runs; the one it will have. */
async function callbackOf(dir: string, { api }: Settings): Promise<string> {
  const running = api.publicUrl === undefined ? await readRunningInstallation(dir).catch(() => undefined) : undefined;
  const base = api.publicUrl ?? running?.apiUrl ?? `http://127.0.0.1:${api.port}`;
  return `${base.replace(/\/$/, '')}/auth/v1/callback`;
}

async function keepSecret(dir: string, name: string, secret: string): Promise<void> {
  const file = secretPath(dir, name);
  await makeDirectory(dir);
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await writeDurably(file, `${secret}\n`);
}

function secretPath(dir: string, name: string): string {
  return path.join(path.resolve(dir), 'auth', `${name.replaceAll(':', '_')}.secret`);
}

/** As `up` makes it: root's servers run as another user, who must get through. */
async function makeDirectory(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: isRoot() ? 0o711 : 0o700 });
}

function withoutUndefined(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function usage(message: string, hint: string): VectabaseError {
  return new VectabaseError('USAGE', { message, hint });
}
