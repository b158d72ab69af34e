import type { CatalogueDocument } from './catalog/document.ts';
import { ancestorsOf } from './links.ts';
import { readKeptManifest } from './kept-manifest.ts';
import {
  cataloguedEntries,
  isTrusted,
  objectKey,
  readCatalogues,
  type BackupEntry,
  type Repository,
} from './repository.ts';

/** What is asked of the server before a backup. */
export interface ServerFacts {
  readonly systemId: string;
  /** `17.10` */
  readonly postgres: string;
  readonly timeline: number;
  /** Whether it writes summaries of its WAL. */
  readonly summarizes: boolean;
}

/** What an incremental backup can be taken against. */
export interface Parent {
  readonly entry: BackupEntry;
  /** `backup_manifest` as the server wrote it. */
  readonly manifest: Buffer;
}

interface Wishes {
  /** Days after which the next backup is a full one. */
  readonly fullDays: number;
  readonly now: number;
  readonly signal: AbortSignal;
}

const DAY = 86_400_000;
/** More links are more to fetch and more that can be damaged, and a restore needs each of them. */
const MOST_LINKS = 30;

/**
 * The newest base backup, when an incremental one can build on it: proved by the catalogue, whole, of this timeline, its
 * manifest here. Nothing builds on what was found damaged.
 *
 * @returns a reason in words where the next one has to be full
 */
export async function findParent(
  repository: Repository,
  server: ServerFacts,
  wishes: Wishes,
): Promise<Parent | { readonly because: string }> {
  const major = Number.parseInt(server.postgres, 10);
  if (major < 17) return { because: `Postgres ${major} takes no incremental backups` };
  if (!server.summarizes) return { because: 'the server writes no summaries of its WAL (summarize_wal is off)' };
  const [catalogue] = await readCatalogues({ ...repository, systemId: server.systemId }, wishes.signal);
  const entries = catalogue && isTrusted(catalogue.proof) ? cataloguedEntries(catalogue) : [];
  const entry = entries.at(-1);
  if (!catalogue || !entry) return { because: 'there is no backup to build on' };
  const ancestors = ancestorsOf(entry, entries);
  if (!ancestors) return { because: `backup ${entry.label} is not whole` };
  const chain = [...ancestors, entry];
  const damaged = chain.find(({ label }) => wasFoundDamaged(catalogue.documents, catalogue.store, label));
  if (damaged) return { because: `backup ${damaged.label} did not pass its last check` };
  const because = outgrown(chain, wishes) ?? otherHistory(entry, server);
  if (because !== undefined) return { because };
  const missing = await missingObject(repository, chain);
  if (missing !== undefined) return { because: `${missing} is not in the store as it was written` };
  const manifest = await readKeptManifest(repository, entry);
  return manifest ? { entry, manifest } : { because: `the manifest of backup ${entry.label} is not on this machine` };
}

/** By the last word on it: a later check that it passed counts. */
function wasFoundDamaged(documents: readonly CatalogueDocument[], store: string, label: string): boolean {
  const last = documents.findLast(
    ({ entry }) =>
      (entry.kind === 'rehearsed' && entry.label === label) ||
      (entry.kind === 'verified' && entry.label === label && entry.store === store),
  );
  return last !== undefined && 'ok' in last.entry && !last.entry.ok;
}

/** A restore reads the whole chain: it must not cost twice what a full one would. */
function outgrown(chain: readonly BackupEntry[], { fullDays, now }: Wishes): string | undefined {
  const [full, ...incrementals] = chain;
  if (!full) return undefined;
  const days = (now - Date.parse(full.startedAt)) / DAY;
  // An hour to spare: a daily job that is a minute early must not wait for the next day.
  if (days > fullDays - 1 / 24) return `the last full backup is ${Math.round(days)} days old`;
  if (chain.length >= MOST_LINKS) return `${incrementals.length} incremental backups build on the last full one`;
  const sealed = ({ objects }: BackupEntry): number => objects.reduce((sum, each) => sum + each.sealedBytes, 0);
  const since = incrementals.reduce((sum, each) => sum + sealed(each), 0);
  return since > sealed(full) ? 'the incremental backups are larger than the full one that they build on' : undefined;
}

function otherHistory({ label, postgres, end }: BackupEntry, server: ServerFacts): string | undefined {
  if (Number.parseInt(postgres, 10) !== Number.parseInt(server.postgres, 10))
    return `backup ${label} is of ${postgres}`;
  if (end.timeline === server.timeline) return undefined;
  return `backup ${label} is of timeline ${end.timeline}, and the server is on ${server.timeline}`;
}

async function missingObject({ store }: Repository, chain: readonly BackupEntry[]): Promise<string | undefined> {
  for (const entry of chain) {
    for (const { object, sealedBytes } of entry.objects) {
      if ((await store.stat(objectKey(entry, object)))?.bytes !== sealedBytes) return object;
    }
  }
  return undefined;
}
