import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { duration, instant } from '../../foundation/core/numbers.ts';
import { liveEpochKeys, lockedEpochs } from './catalog/epoch-keys.ts';
import { readHead } from './catalog/home.ts';
import type { Catalogue } from './catalog/read.ts';
import { entriesOf, prunedFrom } from './catalog/view.ts';
import { branchesOf, returnWindow, type Branches } from './catalog/window.ts';
import { ancestorsOf } from './links.ts';
import { isTrusted, openRepository, readCatalogues, type RepositoryPlace } from './repository.ts';
import { readRecipients } from './recovery-key.ts';

/** How the backups of an installation stand, for `status` and `doctor`. Times in seconds. */
export interface Standing {
  /** One sentence: to which seconds one can return, and what was proved of it. */
  readonly line: string;
  readonly where: string;
  /** Since the newest base backup was finished; null when there is none. */
  readonly newestAge: number | null;
  /** What the newest base backup is restored from: the full one first, itself last. */
  readonly chain: readonly string[];
  /** Every place is on the disk that holds the data. */
  readonly sameDisk: boolean;
  /** Since a restore was proved; null for never. */
  readonly rehearsalAge: number | null;
  readonly keyProofAge: number | null;
  /** Since the configuration was kept, or since the catalogue began where it never was; null without a backup. */
  readonly configAge: number | null;
  /** By which the store is behind; null when no WAL was archived. */
  readonly lag: number | null;
  /** By which the clock is behind the newest document of the catalogue: it was set back. */
  readonly clockBehind: number;
  readonly continuous: boolean;
  /** The key that signed, where nobody here vouches for it: it may be anybody's. */
  readonly unknownKey: string | null;
  /** The line of WAL that goes on, and those that restores and their undoing left; `to` is the last commit, ISO 8601. */
  readonly timeline: number | null;
  readonly left: ReadonlyArray<{ readonly timeline: number; readonly to: string }>;
  readonly recoveryKey: boolean;
  /** Recovery keys that do not open all that is kept, with the epochs that they do not. */
  readonly locked: ReturnType<typeof lockedEpochs>;
  /** Further places; `behind` is null for one that has nothing yet. */
  readonly copies: ReadonlyArray<{ readonly where: string; readonly behind: number | null }>;
}

interface Input {
  readonly place: RepositoryPlace;
  /** PGDATA: what must not share its disk with the store; undefined on a machine that has none. */
  readonly data: string | undefined;
  readonly now: number;
  readonly signal: AbortSignal;
}

/** @throws VectabaseError CATALOGUE_BROKEN, STORE_UNREACHABLE */
export async function readStanding({ place, data, now, signal }: Input): Promise<Standing> {
  const recipients = (await readRecipients(place.home).catch(() => [])).map(({ text }) => text);
  const repository = await openRepository(place);
  const isThere = place.from !== undefined || existsSync(place.directory);
  const catalogues = isThere ? await readCatalogues(repository, signal) : [];
  // Of a store that is named, nothing else is told.
  const stores = (place.from === undefined ? (place.stores ?? []) : []).map(({ url }) => url.replace(/\/$/, ''));
  const local = stores.map((url) => (url.startsWith('file:') ? fileURLToPath(url) : undefined));
  const { store } = repository;
  const own = store.fileOf ? fileURLToPath(store.url) : undefined;
  const sameDisk =
    data !== undefined && [own, ...local].every((at) => at !== undefined && deviceOf(at) === deviceOf(data));
  const { line, ...standing } = standingOf(catalogues, now, recipients);
  const copies = await Promise.all(
    stores.map(async (url) => ({ where: url, behind: await behindOf(url, catalogues, place, now) })),
  );
  return {
    ...standing,
    line: standing.newestAge === null || place.from !== undefined ? line : `${line}; ${copiesInWords(copies)}`,
    where: repository.store.url,
    sameDisk,
    recoveryKey: data === undefined || recipients.length > 0,
    locked: lockedEpochs(catalogues.flatMap(liveEpochKeys), recipients),
    copies,
  };
}

/** By what this machine remembers of the place: asking it would take longer than a look may. */
async function behindOf(
  url: string,
  catalogues: readonly Catalogue[],
  { home }: RepositoryPlace,
  now: number,
): Promise<number | null> {
  const ages = await Promise.all(
    catalogues.map(async ({ systemId, documents }) => {
      const seen = (await readHead(home, systemId, { url }))?.number ?? 0;
      const first = documents[seen];
      return seen === 0 ? Infinity : first === undefined ? 0 : Math.max(0, (now - Date.parse(first.at)) / 1000);
    }),
  );
  const longest = Math.max(0, ...ages);
  return Number.isFinite(longest) ? longest : null;
}

function copiesInWords(copies: Standing['copies']): string {
  if (copies.length === 0) return 'no copy in another place';
  const worst = copies.toSorted((a, b) => (b.behind ?? Infinity) - (a.behind ?? Infinity))[0];
  if (worst?.behind === null) return `nothing is in ${worst.where} yet`;
  return worst === undefined || worst.behind < 1
    ? 'off-site copy complete'
    : `off-site copy ${duration(worst.behind)} behind`;
}

/** Milliseconds by which two clocks may differ. */
const SAME_TIME = 5 * 60_000;

/**
 * The same from catalogues alone. The one with the newest backup counts: others are of clusters that are gone.
 *
 * @param recipients whom backups are sealed for now: that somebody has a key which was removed proves nothing
 */
export function standingOf(
  catalogues: readonly Catalogue[],
  now: number,
  recipients: readonly string[] = [],
): Omit<Standing, 'where' | 'sameDisk' | 'recoveryKey' | 'locked' | 'copies'> {
  const all = catalogues.map((catalogue) => factsOf(catalogue, recipients));
  const facts = all.toSorted((a, b) => (b.newest ?? 0) - (a.newest ?? 0))[0];
  const newestDocument = Math.max(
    0,
    ...catalogues.flatMap(({ documents }) => documents.map(({ at }) => Date.parse(at))),
  );
  const clockBehind = Math.max(0, (newestDocument - now) / 1000);
  const since = (at: number | undefined): number | null => (at === undefined ? null : Math.max(0, (now - at) / 1000));
  // Of a proof from the future nobody knows the age.
  const proof = (at: number | undefined): number | null =>
    at !== undefined && at - now > SAME_TIME ? null : since(at);
  if (facts?.newest === undefined) {
    const line = 'you cannot return to any second: there is no backup';
    const none = {
      newestAge: null,
      chain: [],
      rehearsalAge: null,
      keyProofAge: null,
      configAge: null,
      lag: null,
      unknownKey: null,
      timeline: null,
      left: [],
    };
    return { line, ...none, clockBehind, continuous: false };
  }
  const lag = since(facts.archivedAt);
  const proved = proof(facts.rehearsed);
  const parts = [
    facts.reachable === undefined
      ? `you can return to the backup of ${told(facts.newest)}, and to nothing after it`
      : `you can return to any second between ${told(facts.oldest ?? facts.newest)} and ${told(facts.reachable)}`,
    proved === null ? 'no restore was ever proved' : `last proved restore ${duration(proved)} ago`,
    ...(lag === null ? [] : [`store ${duration(lag)} behind`]),
  ];
  return {
    line: parts.join('; '),
    newestAge: since(facts.newest),
    chain: facts.chain,
    rehearsalAge: proved,
    keyProofAge: proof(facts.keyProved),
    configAge: since(facts.configured),
    lag,
    clockBehind,
    continuous: facts.archivedAt !== undefined,
    unknownKey: facts.unknownKey ?? null,
    timeline: facts.branches.live ?? null,
    left: facts.branches.left.map(({ timeline, to }) => ({ timeline, to: new Date(to).toISOString() })),
  };
}

interface CatalogueFacts {
  readonly oldest: number | undefined;
  readonly newest: number | undefined;
  readonly chain: readonly string[];
  /** The last commit that a restore can reach. */
  readonly reachable: number | undefined;
  readonly archivedAt: number | undefined;
  readonly rehearsed: number | undefined;
  readonly keyProved: number | undefined;
  readonly configured: number | undefined;
  readonly unknownKey: string | undefined;
  readonly branches: Branches;
}

function factsOf({ documents, store, proof }: Catalogue, recipients: readonly string[]): CatalogueFacts {
  const gone = prunedFrom(documents, store);
  const bases = entriesOf(documents, 'base')
    .map(({ entry }) => entry)
    .filter(({ label }) => !gone.has(`base/${label}`));
  const newest = bases.at(-1);
  const wal = entriesOf(documents, 'wal');
  const rehearsals = entriesOf(documents, 'rehearsed').filter(({ entry }) => entry.ok);
  const proofs = entriesOf(documents, 'key-proved').filter(({ entry }) => recipients.includes(entry.recipient));
  const window = returnWindow(documents, store);
  return {
    oldest: window?.from,
    newest: newest && Date.parse(newest.finishedAt),
    chain: newest ? [...(ancestorsOf(newest, bases) ?? []), newest].map(({ label }) => label) : [],
    reachable: window?.to,
    archivedAt: lastOf(wal),
    rehearsed: lastOf(rehearsals),
    keyProved: lastOf(proofs),
    configured: lastOf(entriesOf(documents, 'config')) ?? lastOf(documents.slice(0, 1)),
    unknownKey: isTrusted(proof) ? undefined : proof.publicKey,
    branches: branchesOf(documents, store),
  };
}

/** Of the one that was written last, which need not be the latest: the clock may have been ahead before. */
function lastOf(entries: ReadonlyArray<{ readonly at: string }>): number | undefined {
  const last = entries.at(-1);
  return last && Date.parse(last.at);
}

function told(at: number): string {
  return instant(new Date(at).toISOString());
}

/** Of the nearest directory that exists. */
function deviceOf(directory: string): number {
  const at = path.resolve(directory);
  return existsSync(at) ? statSync(at).dev : deviceOf(path.dirname(at));
}
