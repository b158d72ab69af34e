import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { JobContext } from '../../../foundation/core/observe.ts';
import { openStore } from '../../../foundation/objects/open-store.ts';
import type { ObjectStore } from '../../../foundation/objects/store.ts';
import { openWriter } from '../catalog/append.ts';
import { copiedUpTo, copyStore } from '../copy/run.ts';
import { noteFailure } from '../failure.ts';
import type { BackupObservation } from '../observations.ts';
import { openRepository, readCatalogues, type Repository, type RepositoryPlace } from '../repository.ts';
import { applyRetention } from './apply.ts';
import type { Keep } from './calendar.ts';
import { planRetention, type Refusal, type RetentionRules } from './plan.ts';
import { retentionState } from './state.ts';

/** What of one store goes, or went. */
export interface StorePruning {
  readonly store: string;
  readonly systemId: string;
  readonly refused: Refusal | undefined;
  readonly remove: readonly string[];
  readonly keep: ReadonlyArray<{ readonly group: string; readonly why: Keep }>;
  /** Objects that went; undefined for a plan. */
  readonly removed: number | undefined;
}

export interface PruneInput {
  readonly place: RepositoryPlace;
  readonly rules: RetentionRules;
  readonly dryRun: boolean;
}

/**
 * Plans for each store by itself, and takes away what the plans say. A store that cannot be reached, or whose catalogue
 * is not what it should be, keeps everything.
 *
 * @throws VectabaseError CATALOGUE_BROKEN, STORE_UNREACHABLE
 */
export async function prune(input: PruneInput, ctx: JobContext<BackupObservation>): Promise<StorePruning[]> {
  const repository = await openRepository(input.place);
  if (input.dryRun) return pruneAll(input, repository, ctx);
  return noteFailure({ job: 'prune', repository }, ctx, async () => pruneAll(input, repository, ctx));
}

async function pruneAll(
  input: PruneInput,
  repository: Repository,
  ctx: JobContext<BackupObservation>,
): Promise<StorePruning[]> {
  const all = [await pruneStore(input, repository, repository.store, ctx)];
  for (const setting of input.place.stores ?? []) {
    const store = await openStore(setting);
    try {
      all.push(await pruneStore(input, repository, store, ctx));
    } finally {
      await store.close();
    }
  }
  return all.flat();
}

/** Why a store kept everything; undefined when none did. */
export function refusalOf(stores: readonly StorePruning[]): VectabaseError | undefined {
  const refused = stores.find((each) => each.refused !== undefined);
  if (refused?.refused === undefined) return undefined;
  return new VectabaseError('PRUNE_REFUSED', {
    ...WORDS[refused.refused],
    details: { reason: refused.refused, store: refused.store },
  });
}

const WORDS: Readonly<Record<Refusal, { message: string; hint: string }>> = {
  'clock-went-back': {
    message: 'the clock is behind what the catalogue tells of, so nothing can be said of ages',
    hint: 'Set the clock right (timedatectl), then run it again.',
  },
  'clock-went-ahead': {
    message: 'nothing was backed up for more than two days by the clock, so either it is ahead or the machine was off',
    hint: 'Look at the clock (timedatectl). If it is right, run vectabase backup create first, then this again.',
  },
  'last-backup-failed': {
    message: 'the last backup failed, and the old ones are all there is',
    hint: 'Run what vectabase backup status names; when it has worked, run this again.',
  },
};

async function pruneStore(
  { rules, dryRun }: PruneInput,
  repository: Repository,
  store: ObjectStore,
  ctx: JobContext<BackupObservation>,
): Promise<StorePruning[]> {
  const { home, trustedKeys, store: from } = repository;
  const { signal, clock } = ctx;
  const prunings: StorePruning[] = [];
  for (const { systemId, documents } of await readCatalogues(repository, signal)) {
    const isCopy = store.url !== from.url;
    const there = isCopy
      ? documents.slice(0, await copiedUpTo({ systemId, to: store, home }, documents, signal))
      : documents;
    // A copy may lag; whether the clock or the last backup is in order, the whole catalogue tells.
    const { latest, failing, silences } = retentionState(documents, store.url, clock.now());
    const coming = documents.slice(there.length);
    const plan = planRetention(
      { ...retentionState(there, store.url, clock.now(), coming), latest, failing, silences },
      rules,
    );
    const keep = [...plan.keep].map(([group, why]) => ({ group, why }));
    const facts = { store: store.url, systemId, refused: plan.refused, remove: plan.remove, keep };
    if (dryRun || plan.refused !== undefined) {
      prunings.push({ ...facts, removed: undefined });
      continue;
    }
    const writer = openWriter({ store: from, systemId, home, clock, signal });
    const catalogue = {
      append: async (...entry: Parameters<typeof writer.append>) => {
        const number = await writer.append(...entry);
        // The copy's own catalogue must know before its objects go.
        if (isCopy) await copyStore({ systemId, from, to: store, home, trustedKeys }, ctx);
        return number;
      },
    };
    const reason = `window ${rules.windowDays} days, dumps ${rules.dumpDays} days`;
    const { remove } = plan;
    const removed = await applyRetention({ systemId, store, documents: there, catalogue, remove, reason }, ctx);
    prunings.push({ ...facts, removed });
  }
  return prunings;
}
