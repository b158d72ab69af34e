import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { makeDirectory, ownerToBe, writeDurably } from '../../foundation/core/durable-file.ts';
import type { BackupEntry, Repository } from './repository.ts';

/**
 * The server's manifest of the newest base backup, in clear: names, sizes and hashes of the cluster's files. The next
 * incremental backup is taken against it, and the machine cannot open what it sealed itself.
 */
export async function keepManifest(repository: Repository, backup: Backup, manifest: Buffer): Promise<void> {
  const file = fileOf(repository, backup);
  await makeDirectory(path.dirname(file));
  await writeDurably(file, manifest, { owner: await ownerToBe(path.dirname(file)) });
}

/** Those of backups of the cluster that were begun before: nothing builds on them any more. */
export async function forgetManifestsBefore(repository: Repository, backup: Backup): Promise<void> {
  const file = fileOf(repository, backup);
  for (const name of await readdir(path.dirname(file))) {
    const isOlder = name.startsWith(`${backup.systemId}-`) && name < path.basename(file);
    if (isOlder) await rm(path.join(path.dirname(file), name), { force: true });
  }
}

/** @returns undefined when it is not here, or not the one that the catalogue signed for */
export async function readKeptManifest(repository: Repository, entry: BackupEntry): Promise<Buffer | undefined> {
  const bytes = await readFile(fileOf(repository, entry)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  const listed = entry.objects.find(({ object }) => object.endsWith('/manifest'));
  const sha256 = bytes && createHash('sha256').update(bytes).digest('hex');
  return sha256 === listed?.plainSha256 ? bytes : undefined;
}

type Backup = Pick<BackupEntry, 'systemId' | 'label'>;

/** Beside the store, on its disk; stores list no name with a dot. */
function fileOf({ staging }: Repository, { systemId, label }: Backup): string {
  return path.join(path.dirname(staging), '.manifests', `${systemId}-${label}`);
}
