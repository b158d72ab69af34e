import { buffer } from 'node:stream/consumers';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import { entriesOf } from '../catalog/view.ts';
import { openSealed } from '../container.ts';
import type { KeyOpener } from '../epochs.ts';
import { ancestorsOf, brokenChain, type LinkedEntry } from '../links.ts';
import { parseLsn, walFileOf, WalSegments, type Lsn, type WalFile } from '../names.ts';
import { listEntries, notSigned, readCatalogues, type BackupEntry, type Repository } from '../repository.ts';
import type { Base } from './choose-base.ts';
import { parseHistory, type Timeline } from './timelines.ts';

/** All that a store and its catalogue say about one cluster, as a restore sees it. */
export interface ArchiveView {
  readonly systemId: string;
  /** Those that can be put together. */
  readonly bases: ReadonlyArray<Base & LinkedEntry>;
  readonly timelines: readonly Timeline[];
  /** WAL that the catalogue says is there. `lastCommit`: there was one at that microsecond or later before `end`. */
  readonly ranges: readonly CataloguedWal[];
  /** Segments that are there, also those that the catalogue does not know yet. Sealed bytes by object. */
  readonly objects: ReadonlyMap<string, number>;
  readonly segments: WalSegments;
  /** Fingerprints of the keys that the catalogue names; undefined where there is no catalogue. */
  readonly epochs: ReadonlySet<string> | undefined;
}

export interface CataloguedWal {
  readonly timeline: number;
  readonly start: Lsn;
  readonly end: Lsn;
  readonly lastCommit: number | undefined;
}

export interface ReadArchiveOptions {
  readonly opener: KeyOpener;
  /** Take backups that nobody signed for. */
  readonly unsigned?: boolean;
  /** A backup that must be among them. */
  readonly label?: string | undefined;
  readonly signal: AbortSignal;
}

/** @throws VectabaseError BACKUP_MISSING, BACKUP_UNSIGNED, CATALOGUE_BROKEN, USAGE where a store holds several clusters */
export async function readArchive(repository: Repository, options: ReadArchiveOptions): Promise<ArchiveView> {
  const { signal, unsigned = false } = options;
  const found = await listEntries(repository, signal);
  const entries = found.filter(({ signed }) => signed || unsigned);
  if (entries.length === 0 && found[0]) throw notSigned(repository.store, found[0]);
  const systemId = oneCluster(repository, entries);
  const catalogues = await readCatalogues({ ...repository, systemId }, signal);
  const documents = catalogues.flatMap((catalogue) => catalogue.documents);
  const objects = new Map<string, number>();
  for await (const { key, bytes } of repository.store.list(`${systemId}/wal/`)) {
    objects.set(key.slice(systemId.length + 1).replace(/\.vbk$/, ''), bytes);
  }
  const wal = entriesOf(documents, 'wal').map(({ entry }) => entry);
  const known = entriesOf(documents, 'timeline')
    .map(({ at, entry: { timeline: id, parents, bornAt = at } }): Timeline => {
      const ancestors = parents.map(({ timeline, end }) => ({ timeline, end: parseLsn(end) ?? 0n }));
      return { id, ancestors, bornAt: Date.parse(bornAt) };
    })
    // Told again after a kill.
    .filter(({ id }, index, all) => all.findIndex((each) => each.id === id) === index);
  const epochs = new Set(entriesOf(documents, 'epoch').map(({ entry }) => entry.keySha256));
  const view = { systemId, objects, epochs: documents.length === 0 ? undefined : epochs };
  const [sample] = wal.filter(({ files }) => files.length > 0);
  return {
    ...view,
    bases: entries.filter((entry) => entry.systemId === systemId).flatMap((entry) => basesOf(entry, entries, options)),
    timelines: [FIRST, ...known, ...(await readHistories(repository, view, known, options))],
    ranges: wal.map(({ timeline, start, end, lastCommitAt }) => ({
      timeline,
      start: parseLsn(start) ?? 0n,
      end: parseLsn(end) ?? 0n,
      lastCommit: lastCommitAt === null ? undefined : Date.parse(lastCommitAt) * 1000,
    })),
    segments: sample === undefined ? new WalSegments() : new WalSegments(sizeOf(sample)),
  };
}

const FIRST: Timeline = { id: 1, ancestors: [], bornAt: 0 };

function oneCluster({ systemId, store }: Repository, entries: readonly BackupEntry[]): string {
  const systems = systemId === undefined ? [...new Set(entries.map((entry) => entry.systemId))] : [systemId];
  const [only] = systems;
  if (only === undefined) {
    throw new VectabaseError('BACKUP_MISSING', {
      message: `${store.url} holds no backup that can be believed`,
      hint: 'Run vectabase backup list to see what is there.',
      details: { store: store.url },
    });
  }
  if (systems.length === 1) return only;
  throw new VectabaseError('USAGE', {
    message: `${store.url} holds backups of ${systems.length} clusters: ${systems.join(', ')}`,
    hint: `Name the one you mean: --system ${only}`,
    details: { clusters: systems },
  });
}

/** None for an incremental one of which a part is not there: an earlier one leads to the same place. */
function basesOf(
  entry: BackupEntry,
  all: readonly BackupEntry[],
  { label: wanted }: ReadArchiveOptions,
): Array<Base & LinkedEntry> {
  const { label, start, end, finishedAt } = entry;
  const ancestors = ancestorsOf(entry, all);
  if (!ancestors && label === wanted) throw brokenChain(entry);
  if (!ancestors) return [];
  return [
    {
      label,
      timeline: end.timeline,
      start: parseLsn(start.lsn) ?? 0n,
      end: parseLsn(end.lsn) ?? 0n,
      stoppedAt: Date.parse(finishedAt),
      entry,
      ancestors,
    },
  ];
}

/** A range has whole segments, all of one size. */
function sizeOf({ start, end, files }: { start: string; end: string; files: readonly unknown[] }): number {
  return Number((parseLsn(end) ?? 0n) - (parseLsn(start) ?? 0n)) / files.length;
}

/** Timelines that were begun after the catalogue was written last. */
async function readHistories(
  { store }: Repository,
  { systemId, objects, epochs }: Pick<ArchiveView, 'systemId' | 'objects' | 'epochs'>,
  known: readonly Timeline[],
  { opener, signal }: ReadArchiveOptions,
): Promise<Timeline[]> {
  const found: Timeline[] = [];
  for (const object of objects.keys()) {
    const file: WalFile | undefined = walFileOf(object);
    if (file?.kind !== 'history' || known.some(({ id }) => id === file.timeline)) continue;
    const name = `${store.url}/${systemId}/${object}.vbk`;
    const source = await store.get(`${systemId}/${object}.vbk`, { signal });
    const opened = await openSealed(source, { name, opener, expect: { object, systemId } });
    if (epochs && !epochs.has(opened.fingerprint)) {
      source.destroy();
      continue; // a stranger's
    }
    let text = '';
    await opened.read(async (plain) => {
      text = (await buffer(plain)).toString();
    });
    const ancestors = parseHistory(file.timeline, text);
    if (ancestors) found.push({ id: file.timeline, ancestors, bornAt: Date.parse(opened.header.createdAt) });
  }
  return found;
}
