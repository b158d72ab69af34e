import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { installationPaths, type SecretsPaths } from '../../foundation/config/directory.ts';
import { loadSettings } from '../../foundation/config/settings.ts';
import { writeDurably } from '../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { openFromAge, sealForAge } from '../../foundation/crypto/age.ts';
import type { AgeIdentity } from '../../foundation/crypto/age-keys.ts';
import { ensureSecretsHome, findIdentities, type IdentitySearch } from '../../foundation/crypto/identity-file.ts';
import { keepOutOfDumps } from '../../foundation/process/dumps.ts';
import { withLock } from '../../foundation/process/wait-lock.ts';
import { auditKey, type AuditOperation } from './audit-line.ts';
import { appendAudit, auditFiles } from './audit-log.ts';
import { EMPTY_DOCUMENT, printDocument, readDocument, recipientsTag, type SecretsDocument } from './document.ts';
import { readRecipients, writeRecipients, type Recipient } from './recipients-file.ts';

export interface OpenStore {
  readonly dir: string;
  /** Setting `secrets.environment` unless told. */
  readonly environment?: string | undefined;
  /** Why, in the words of who runs it; goes into the log of accesses. */
  readonly reason?: string | undefined;
  readonly askPassphrase?: IdentitySearch['askPassphrase'];
  readonly now: () => number;
  /** Makes a private key also where there are files that it does not open. */
  readonly newcomer?: boolean;
}

/** What an access is: written to the log before anything is handed out. */
export interface Access {
  readonly operation: AuditOperation;
  /** Names of the secrets, or a way to tell them once the document is known. */
  readonly names: readonly string[] | ((document: SecretsDocument) => readonly string[]);
  readonly to?: string | undefined;
}

/** What a change made of the file. */
export type Change = 'written' | 'unchanged';

/**
 * The secrets of one environment: `<dir>/secrets/<environment>.env.age`, sealed for everybody in `recipients`.
 *
 * Writers take turns by a lock. A file appears whole or not at all, and is written only when what is in it or for whom
 * it is sealed changed: each change in git is a change. Every access is in the log before it is granted.
 */
export class SecretStore {
  readonly paths: SecretsPaths;
  readonly environment: string;
  readonly identities: readonly [AgeIdentity, ...AgeIdentity[]];
  readonly now: () => number;
  readonly #reason: string | undefined;

  constructor(
    paths: SecretsPaths,
    environment: string,
    identities: readonly [AgeIdentity, ...AgeIdentity[]],
    { now, reason }: Pick<OpenStore, 'now' | 'reason'>,
  ) {
    keepOutOfDumps();
    this.paths = paths;
    this.environment = assertEnvironment(environment);
    this.identities = identities;
    this.now = now;
    this.#reason = reason;
  }

  get file(): string {
    return fileOf(this.paths, this.environment);
  }

  /** The same store for another environment. */
  of(environment: string): SecretStore {
    return new SecretStore(this.paths, environment, this.identities, { now: this.now, reason: this.#reason });
  }

  /** Names of all environments that have a file. */
  async environments(): Promise<string[]> {
    return environmentsOf(this.paths);
  }

  /** @throws VectabaseError SECRETS_KEY_WRONG, SECRETS_FILE_INVALID, SECRETS_AUDIT_FAILED */
  async read(access: Access): Promise<SecretsDocument> {
    const document = await this.#load();
    await this.#log(access, document);
    return document;
  }

  /** Reads, changes and writes in one turn: of two at once, the later sees what the earlier wrote. */
  async change(access: Access, change: (document: SecretsDocument) => SecretsDocument): Promise<Change> {
    return withLock(this.paths.lock, async () => {
      const before = await this.#load();
      const after = change(before);
      await this.#log(access, after);
      return this.#save(before, after);
    });
  }

  /**
   * Seals every environment for those who are listed now, or for the list that `change` makes of it, which is written
   * first. Killed between two files, the rest is behind; running it again seals only that.
   */
  async rewrap(
    access: Pick<Access, 'operation' | 'to'>,
    change?: (known: readonly Recipient[]) => readonly Recipient[],
  ): Promise<Array<{ environment: string; change: Change }>> {
    return withLock(this.paths.lock, async () => {
      const stores = (await this.environments()).map((name) => this.of(name));
      const documents = await Promise.all(stores.map((store) => store.#load())); // before a list that locks us out
      const next = change?.(await readRecipients(this.paths.recipients)) ?? [];
      for (const store of stores.length === 0 ? [this] : stores) await store.audit({ ...access, names: [] });
      if (change !== undefined) await writeRecipients(this.paths.recipients, next);
      const results = [];
      for (const [index, store] of stores.entries()) {
        const document = documents[index] ?? EMPTY_DOCUMENT;
        results.push({ environment: store.environment, change: await store.#save(document, document) });
      }
      return results;
    });
  }

  async audit(entry: Omit<Access, 'names'> & { names: readonly string[] }): Promise<void> {
    const [identity] = this.identities;
    await appendAudit(
      auditFiles(this.paths),
      auditKey(identity),
      {
        operation: entry.operation,
        environment: this.environment,
        names: entry.names,
        reason: this.#reason,
        to: entry.to,
      },
      this.now(),
    );
  }

  async #log({ names, ...access }: Access, document: SecretsDocument): Promise<void> {
    await this.audit({ ...access, names: typeof names === 'function' ? names(document) : names });
  }

  async #load(): Promise<SecretsDocument> {
    const sealed = await readFile(this.file).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (sealed === undefined) return EMPTY_DOCUMENT;
    return readDocument((await openFromAge(sealed, this.identities, this.file)).toString('utf8'), this.file);
  }

  async #save(before: SecretsDocument, after: SecretsDocument): Promise<Change> {
    const recipients = (await readRecipients(this.paths.recipients)).map(({ age }) => age);
    const tag = recipientsTag(recipients.map(({ text }) => text));
    const text = printDocument(after, tag);
    if (before.sealedFor === tag && printDocument(before, tag) === text) return 'unchanged';
    await writeDurably(this.file, await sealForAge(text, recipients), { mode: 0o644 });
    await sweep(this.paths.directory);
    return 'written';
  }
}

/**
 * Opens the secrets of an installation. The first use makes the directory and a key.
 *
 * @throws VectabaseError SECRETS_KEY_MISSING, SECRETS_KEY_WRONG, SECRETS_LOCKED
 */
export async function openSecrets(input: OpenStore): Promise<SecretStore> {
  const { settings } = loadSettings({ dir: input.dir });
  const { secrets: paths } = installationPaths(input.dir);
  const search = { paths, identityFile: settings.secrets.identityFile, askPassphrase: input.askPassphrase };
  await ensureSecretsHome(search, { now: input.now(), newcomer: input.newcomer });
  const environment = input.environment ?? settings.secrets.environment;
  return new SecretStore(paths, environment, await findIdentities(search), input);
}

export async function environmentsOf({ directory }: SecretsPaths): Promise<string[]> {
  const names = await readdir(directory);
  return names.flatMap((name) => /^(.+)\.env\.age$/.exec(name)?.[1] ?? []).toSorted();
}

function fileOf({ directory }: SecretsPaths, environment: string): string {
  return path.join(directory, `${environment}.env.age`);
}

function assertEnvironment(name: string): string {
  if (/^[a-z0-9][a-z0-9_-]{0,62}$/.test(name)) return name;
  throw new VectabaseError('USAGE', {
    message: 'an environment has a name of lower-case letters, digits, - and _',
    hint: 'Use a name like production, staging or local.',
  });
}

/** What a killed writer left beside the files: sealed, and nobody's any more, as the lock is ours. */
async function sweep(directory: string): Promise<void> {
  const names = await readdir(directory);
  const left = names.filter((name) => /\.env\.age\.new-[0-9a-f]{12}$/.test(name));
  await Promise.all(left.map((name) => rm(path.join(directory, name), { force: true })));
}
