import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { restoreJournal, type ClusterPaths, type InstallationPaths } from '../../foundation/config/directory.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { CertifiedKey } from '../../foundation/crypto/certificates.ts';
import type { PostgresBinaries } from '../../foundation/postgres/embedded/binaries.ts';
import { initCluster } from '../../foundation/postgres/embedded/cluster.ts';
import { readJson, SUPERUSER, type InstallationKeys } from '../../foundation/postgres/installation.ts';
import { writeClusterFiles } from './cluster-files.ts';
import { writePointer, type ClusterPlace } from './directory.ts';
import type { Ensured } from './step.ts';
import path from 'node:path';

interface Input {
  readonly installation: InstallationPaths;
  readonly place: ClusterPlace;
  readonly binaries: PostgresBinaries;
  readonly keys: InstallationKeys;
  readonly certificate: CertifiedKey;
}

/** An initialised cluster with this release's configuration. */
export async function ensureCluster(input: Input): Promise<Ensured<void>> {
  const { paths, runAs } = input.place;
  await clearSite(paths);
  const there = await stat(paths.data).catch(() => undefined);
  if (there) await sameMajor(paths.data, input.binaries);
  else {
    await initCluster({
      binaries: input.binaries,
      runAs,
      data: paths.data,
      superuser: SUPERUSER,
      password: input.keys.passwords.supabase_admin,
    });
  }
  if (!(await readJson(input.installation.pointer))) await writePointer(input.installation, input.place);
  await writeClusterFiles(paths, input.certificate, runAs);
  return { value: undefined, changed: !there };
}

/**
 * Before initdb: nothing half-built is left, and nothing is on its way back.
 *
 * @throws VectabaseError RESTORE_STOPPED
 */
export async function clearSite(paths: ClusterPaths): Promise<void> {
  await assertNotBeingRestored(paths);
  await sweepWorkshops(paths.data);
}

/** Between two renames of a restore there is no data directory, and a new one would take its place. */
async function assertNotBeingRestored(paths: ClusterPaths): Promise<void> {
  const file = restoreJournal(paths);
  const journal = await readJson<{ phase: string }>(file);
  if (journal === undefined || journal.phase === 'done') return;
  throw new VectabaseError('RESTORE_STOPPED', {
    message: 'a restore stopped while it replaced the data directory',
    hint: 'Run: vectabase backup restore --resume',
    details: { journal: file },
  });
}

/** What an initdb left that lost its parent to kill -9. Only under the installation's lock: then nobody else builds there. */
async function sweepWorkshops(data: string): Promise<void> {
  const names = await readdir(path.dirname(data)).catch(() => []);
  const left = names.filter((name) => name.startsWith(`${path.basename(data)}.new-`));
  await Promise.all(
    left.map(async (name) => rm(path.join(path.dirname(data), name), { recursive: true, force: true })),
  );
}

async function sameMajor(data: string, binaries: PostgresBinaries): Promise<void> {
  const made = (await readFile(path.join(data, 'PG_VERSION'), 'utf8')).trim();
  const major = binaries.version.split('.')[0];
  if (made === major) return;
  throw new VectabaseError('POSTGRES_VERSION', {
    message: `the cluster in ${data} was made by Postgres ${made}, and this release brings ${major ?? 'another'}`,
    hint: `Install the release of Vectabase that brings Postgres ${made}, and move the data with vectabase migrate.`,
    details: { made, brought: binaries.version },
  });
}
