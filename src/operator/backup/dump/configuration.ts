import { createReadStream } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import { INSTALLED, installationPaths } from '../../../foundation/config/directory.ts';
import type { JobContext } from '../../../foundation/core/observe.ts';
import { withResources } from '../../../foundation/core/release.ts';
import type { DatabaseAddress } from '../../../foundation/postgres/address.ts';
import { openWriter } from '../catalog/append.ts';
import type { EntryOf } from '../catalog/entries.ts';
import { sealFile } from '../container.ts';
import { readCluster } from '../archive/cluster.ts';
import { epochEntry, labelOf, newEpoch } from '../epochs.ts';
import { noteFailure } from '../failure.ts';
import { storeKey } from '../names.ts';
import type { BackupObservation } from '../observations.ts';
import { readRecipients } from '../recovery-key.ts';
import type { Repository } from '../repository.ts';
import { openStaging } from '../staging.ts';

interface ConfigInput {
  /** Names the cluster that it belongs to. */
  readonly address: DatabaseAddress;
  readonly repository: Repository;
  readonly dir: string;
}

export type ConfigBackup = Omit<EntryOf<'config'>, 'kind'> & {
  readonly systemId: string;
  readonly startedAt: string;
  /** Paths in it. */
  readonly files: readonly string[];
};

/**
 * What opens the rest: whoever had the recovery key would have these, too, and encrypted columns and secrets would be
 * open to him. Their owner keeps them with the recovery key, or not.
 */
const LEFT_OUT = ['master.key', 'secrets/identity', 'identity', 'credentials'];
/** Data, copies and what only this run of it needs. */
const NO_CONFIGURATION = ['postgres', 'backups', 'mail', 'run.json', 'daemon.log'];

/**
 * Keeps what an installation was set up with: `vectabase.yml`, keys and passwords, certificates, sealed secrets; on an
 * installed machine the settings of Postgres and PgBouncer too.
 */
export async function backUpConfiguration(
  input: ConfigInput,
  ctx: JobContext<BackupObservation>,
): Promise<ConfigBackup> {
  return noteFailure({ job: 'config', ...input }, ctx, async () => keepConfiguration(input, ctx));
}

async function keepConfiguration(input: ConfigInput, ctx: JobContext<BackupObservation>): Promise<ConfigBackup> {
  const { repository, address, dir } = input;
  const { signal, clock } = ctx;
  const began = clock.now();
  const startedAt = new Date(began).toISOString();
  const epoch = await newEpoch(await readRecipients(repository.home), began);
  const label = labelOf(began);
  const { systemId, postgres } = await readCluster(address);
  const { directory } = installationPaths(dir);
  const roots =
    directory === INSTALLED.configuration
      ? [directory, INSTALLED.private, '/etc/postgresql', '/etc/pgbouncer']
      : [directory];
  return withResources(async (scope) => {
    const staging = scope.add(await openStaging(repository.staging), (each) => each.remove());
    const file = staging.file('config.tar.vbk');
    const object = `config/${label}.tar`;
    const facts = { kind: 'config' as const, object, systemId, postgres, createdAt: startedAt };
    const archive = pack();
    const [sealed, files] = await Promise.all([
      sealFile(file, archive, { facts, epoch }, { signal }),
      fill(archive, roots).catch((error: unknown) => {
        archive.destroy(error as Error);
        throw error;
      }),
    ]);
    await repository.store.put(storeKey(systemId, object), file, { signal });
    const entry = { label, finishedAt: new Date(clock.now()).toISOString(), objects: [sealed], epoch: epoch.id };
    const { append } = openWriter({ store: repository.store, systemId, home: repository.home, clock, signal });
    await append(epochEntry(epoch));
    await append({ kind: 'config', ...entry });
    return { systemId, startedAt, files, ...entry };
  });
}

async function fill(archive: Pack, roots: readonly string[]): Promise<string[]> {
  const names: string[] = [];
  for (const root of roots) {
    for (const name of await filesBelow(root)) {
      const file = path.join(root, name);
      const { size, mode, mtime } = await lstat(file);
      const entry = archive.entry({ name: file.slice(1), size, mode: mode & 0o777, mtime });
      await pipeline(createReadStream(file, { end: Math.max(0, size - 1) }), entry);
      names.push(file);
    }
  }
  archive.finalize();
  return names;
}

/** Relative, sorted. Links are what the installer makes again. */
async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    },
  );
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .filter((name) => ![...LEFT_OUT, ...NO_CONFIGURATION].some((each) => name === each || name.startsWith(`${each}/`)))
    .toSorted();
}
