import type { CatalogueDocument } from '../catalog/document.ts';
import type { EntryOf } from '../catalog/entries.ts';
import { entriesOf, failingJobs, prunedFrom } from '../catalog/view.ts';
import { ancestorsOf } from '../links.ts';
import { parseLsn, parseWalFile, WalSegments, walObject, type Lsn } from '../names.ts';
import type { RetentionState, WalItem } from './plan.ts';
import { silencesOf } from './silence.ts';

/**
 * What a store holds, by a catalogue that was proved.
 *
 * @param documents those that the store has: a copy may be behind
 * @param now milliseconds since the epoch
 * @param coming those that it will get
 */
export function retentionState(
  documents: readonly CatalogueDocument[],
  store: string,
  now: number,
  coming: readonly CatalogueDocument[] = [],
): RetentionState {
  const gone = prunedFrom(documents, store);
  const there = ({ group }: { group: string }): boolean => !gone.has(group);
  const pins = new Map(entriesOf(documents, 'pinned').map(({ entry }) => [entry.label, entry.pinned]));
  const level = levels(documents);
  const facts = ({ kind, label, finishedAt }: { kind: string; label: string; finishedAt: string }) => ({
    group: `${kind}/${label}`,
    finishedAt: Date.parse(finishedAt),
    level: level(label),
    pinned: pins.get(label) === true,
  });
  const bases = entriesOf(documents, 'base').map(({ entry }) => ({
    ...facts(entry),
    timeline: entry.start.timeline,
    start: lsn(entry.start.lsn),
    parent: entry.parent === undefined ? undefined : `base/${entry.parent}`,
  }));
  const dumps = [...entriesOf(documents, 'dump'), ...entriesOf(documents, 'config')];
  const branches = entriesOf(documents, 'timeline').map(({ entry: { timeline, parents } }) => ({
    timeline,
    parents: parents.map((parent) => ({ timeline: parent.timeline, end: lsn(parent.end) })),
  }));
  return {
    bases: bases.filter(there),
    dumps: dumps.map(({ entry }) => ({ ...facts(entry), kind: entry.kind })).filter(there),
    wal: entriesOf(documents, 'wal')
      .flatMap(({ entry }) => walItems(entry))
      .filter(there),
    branches,
    lastUse: lastUse(documents),
    now,
    latest: Math.max(0, ...documents.map(({ at }) => Date.parse(at))),
    silences: silencesOf(documents.map(({ at }) => Date.parse(at))),
    awaited: new Set(entriesOf(coming, 'base').flatMap(({ entry: { parent } }) => (parent ? [`base/${parent}`] : []))),
    failing: failingJobs(documents).find(({ job }) => job === 'base' || job === 'dump')?.job,
  };
}

function walItems({ timeline, start, end, files }: EntryOf<'wal'>): WalItem[] {
  const parsed = files.map(({ name }) => parseWalFile(name)).filter((file) => file !== undefined);
  const count = parsed.filter(({ kind }) => kind === 'segment').length;
  const segments = count === 0 ? undefined : new WalSegments(Number((lsn(end) - lsn(start)) / BigInt(count)));
  return parsed.flatMap((file) => {
    // History files are some bytes, and tell what belongs to what.
    if (file.kind === 'history') return [];
    const behind = segments ? segments.start(file.number) + BigInt(segments.segmentBytes) : lsn(end);
    return [{ group: walObject(file), timeline, end: behind }];
  });
}

function lastUse(documents: readonly CatalogueDocument[]): Map<number, number> {
  const used = new Map<number, number>();
  for (const { at, entry } of documents) {
    const timeline = entry.kind === 'wal' ? entry.timeline : entry.kind === 'base' ? entry.start.timeline : undefined;
    if (timeline !== undefined) used.set(timeline, Math.max(used.get(timeline) ?? 0, Date.parse(at)));
  }
  return used;
}

/**
 * The highest level that was passed; what failed since is not verified, whatever was before. An incremental backup is as
 * sound as the least of those that it builds on; a restore of it proves them all.
 */
function levels(documents: readonly CatalogueDocument[]): (label: string) => number {
  const found = new Map<string, number>();
  const bases = entriesOf(documents, 'base').map(({ entry }) => entry);
  const byLabel = new Map(bases.map((base) => [base.label, base]));
  const above = (label: string): string[] => {
    const base = byLabel.get(label);
    return (base && ancestorsOf(base, bases)?.map((each) => each.label)) ?? [];
  };
  const raise = (label: string, level: number): void => {
    found.set(label, Math.max(level, found.get(label) ?? -1));
  };
  for (const { entry } of documents) {
    if (entry.kind !== 'verified' && entry.kind !== 'rehearsed') continue;
    const { label, ok } = entry;
    if (!ok) found.set(label, -1);
    else if (entry.kind === 'verified') raise(label, entry.level);
    else for (const each of [...above(label), label]) raise(each, 4);
  }
  return (label) => Math.min(...[...above(label), label].map((each) => found.get(each) ?? -1));
}

function lsn(text: string): Lsn {
  return parseLsn(text) ?? 0n;
}
