import { stat } from 'node:fs/promises';
import path from 'node:path';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { JobContext } from '../../../foundation/core/observe.ts';
import type { AgeIdentity } from '../../../foundation/crypto/age-keys.ts';
import { directoryStore } from '../../../foundation/objects/directory-store.ts';
import type { DatabaseAddress } from '../../../foundation/postgres/address.ts';
import type { RunAs } from '../../../foundation/process/run.ts';
import { nameOf, serviceUser } from '../../../foundation/process/service-user.ts';
import { openIn } from '../opener.ts';
import { compareCounts, nearestCounts, type CountsComparison } from '../dump/counts.ts';
import { formatLsn } from '../names.ts';
import type { BackupObservation } from '../observations.ts';
import type { Repository } from '../repository.ts';
import { assertEmpty } from '../restore.ts';
import { readArchive, type ArchiveView } from './archive-view.ts';
import { layeredStore } from './layered-store.ts';
import { planRestore, type RestorePlan } from './plan.ts';
import { moveInto, prepareCopy, type PreparedCopy, type PrepareInput } from './prepare.ts';
import type { DatabaseProof } from './proof.ts';
import { claimScratch } from './scratch-home.ts';
import type { Site } from './site.ts';
import { assertSameDisk, beginSwap, finishSwap, unfinished, unfinishedSwap, type SwapReport } from './swap.ts';
import { archiveNow, readOwnTimeline, readTail, spoolKeys } from './tail.ts';
import { instantText, targetText, type RestoreTarget } from './target.ts';

export interface RestoreRequest {
  readonly repository: Repository;
  readonly identities: readonly AgeIdentity[];
  readonly target: RestoreTarget;
  readonly timeline?: number | undefined;
  /** The base to begin from; the best one unless told. */
  readonly label?: string | undefined;
  readonly unsigned?: boolean | undefined;
  /** The installation that is here; undefined on a machine that has none. */
  readonly site: Site | undefined;
  /** A data directory to make, instead of replacing the one of the installation. */
  readonly into?: string | undefined;
  /** Where the copy is built; beside the data directory that it will replace unless told. */
  readonly scratch?: string | undefined;
  /** The server that runs here, which archives what it wrote last before anything else. */
  readonly running?: DatabaseAddress | undefined;
}

/** A request that was found possible. */
export interface ReadyRestore {
  readonly plan: RestorePlan;
  readonly input: PrepareInput;
}

/** What a copy was found to be. */
export interface CopyReport {
  readonly target: string;
  readonly backup: string;
  readonly timeline: number;
  readonly lsn: string;
  /** Of the last commit in it, and of the first one that is not; null where there is none or nobody knows. */
  readonly lastCommit: string | null;
  readonly nextCommit: string | null;
  readonly databases: readonly DatabaseProof[];
  readonly rows: number;
  readonly bytes: number;
  /** Milliseconds until the base was back, until the replay was at rest, and all in all. */
  readonly restoreMs: number;
  readonly replayMs: number;
  readonly ms: number;
}

/** With what was counted when the nearest dump was made; null where there is none. */
export interface ComparedReport extends CopyReport {
  readonly compared: CountsComparison | null;
}

/**
 * Reads the catalogue, chooses base and timeline, follows the WAL: all that can refuse, before anything is touched.
 *
 * @throws VectabaseError as `readArchive` and `planRestore`
 */
export async function readyRestore(request: RestoreRequest, ctx: JobContext<BackupObservation>): Promise<ReadyRestore> {
  const { identities, target, site, into } = request;
  if (into !== undefined) await assertEmpty(into);
  const parent = request.scratch ?? (into === undefined ? site?.scratch : path.dirname(path.resolve(into)));
  if (parent === undefined) throw nowhere();
  const opener = openIn(request.repository, identities);
  // One that cannot archive, or not even answer, must not keep anybody from a restore.
  if (request.running) await archiveNow(request.running, ctx.signal).catch(() => false);
  const repository = withSpool(request.repository, site);
  const { label, unsigned = false } = request;
  const archived = await readArchive(repository, { opener, unsigned, label, signal: ctx.signal });
  const { view, tail, live } = await withTail(archived, site);
  // The last commit of the installation that is here: the archive hears minutes later which line an undo went back to.
  const timeline = request.timeline ?? (target.kind === 'latest' ? live : undefined);
  const planned = await planRestore(view, { ...request, timeline, place: parent, now: ctx.clock.now() });
  const runAs = into === undefined ? (site ? site.runAs : await serviceUser()) : await ownerFor(parent);
  const prefer = site?.kind === 'up' ? 'packaged' : 'system';
  return { plan: planned.plan, input: { repository, view, planned, target, identities, parent, runAs, prefer, tail } };
}

function withSpool(repository: Repository, site: Site | undefined): Repository {
  if (site === undefined) return repository;
  return { ...repository, store: layeredStore(repository.store, directoryStore(site.spool)) };
}

/** What only this machine has: keys of WAL that is not uploaded, and WAL that a server that fell could not archive. */
async function withTail(
  archived: ArchiveView,
  site: Site | undefined,
): Promise<{ view: ArchiveView; tail: string | undefined; live: number | undefined }> {
  if (site === undefined) return { view: archived, tail: undefined, live: undefined };
  const { systemId } = archived;
  const epochs = archived.epochs && new Set([...archived.epochs, ...(await spoolKeys(site.spool, systemId))]);
  // A server that runs has archived it, or will.
  const left = (await site.isRunning()) ? new Map<string, number>() : await readTail(site.data, systemId);
  const objects = new Map([...left, ...archived.objects]);
  const own = await readOwnTimeline(site.data, systemId);
  const isNew = own !== undefined && !archived.timelines.some(({ id }) => id === own.id);
  const timelines = isNew ? [...archived.timelines, own] : archived.timelines;
  const view = { ...archived, epochs, objects, timelines };
  return { view, tail: left.size === 0 ? undefined : path.join(site.data, 'pg_wal'), live: own?.id };
}

/** Restores into a new data directory, on which any server of this version can be started. */
export async function restoreInto(
  { input }: ReadyRestore,
  into: string,
  ctx: JobContext<BackupObservation>,
): Promise<ComparedReport & { readonly into: string }> {
  return withCopy(input, ctx, async (copy, began) => {
    const report = await compared(await proved(copy, input, began, ctx), copy, input, ctx.signal);
    await moveInto(await copy.keep(), into);
    return { ...report, into };
  });
}

/**
 * Restores beside the installation, proves the copy, asks, and puts it in the place of the data directory.
 *
 * @param confirm shown what was proved; its refusal leaves everything as it was
 */
export async function restoreInPlace(
  { input }: ReadyRestore,
  site: Site,
  confirm: (report: ComparedReport) => Promise<void>,
  ctx: JobContext<BackupObservation>,
): Promise<ComparedReport & SwapReport> {
  const before = await unfinishedSwap(site);
  if (before) throw unfinished(before);
  await assertSameDisk(input.parent, path.dirname(site.data));
  return withCopy(input, ctx, async (copy, began) => {
    const report = await compared(await proved(copy, input, began, ctx), copy, input, ctx.signal);
    await confirm(report);
    const incoming = await copy.keep();
    await claimScratch(copy.home, site.journal);
    const { target } = report;
    const journal = await beginSwap(site, { incoming, workshop: copy.home, target, now: ctx.clock.now() });
    // From here on the journal decides what becomes of the copy: neither a failure nor Ctrl-C may take it away.
    return { ...report, ...(await finishSwap(site, journal, { signal: new AbortController().signal })) };
  });
}

/** Lets somebody work with a copy that is read-only and rests at the target. */
export async function withCopyAtTarget<T>(
  { input }: ReadyRestore,
  work: (copy: PreparedCopy) => Promise<T>,
  ctx: JobContext<BackupObservation>,
): Promise<T> {
  return withCopy(input, ctx, async (copy) => work(copy));
}

export interface Rehearsed extends CopyReport {
  /** Exact, by table. */
  readonly counts: PreparedCopy['counts'];
}

/** Restores, proves, and takes it all away again. */
export async function rehearseCopy({ input }: ReadyRestore, ctx: JobContext<BackupObservation>): Promise<Rehearsed> {
  return withCopy(input, ctx, async (copy, began) => ({
    ...(await proved(copy, input, began, ctx)),
    counts: copy.counts,
  }));
}

async function withCopy<T>(
  input: PrepareInput,
  ctx: JobContext<BackupObservation>,
  work: (copy: PreparedCopy, began: number) => Promise<T>,
): Promise<T> {
  const began = ctx.clock.now();
  const copy = await prepareCopy(input, ctx);
  let keepFiles = false;
  try {
    return await work(copy, began);
  } catch (error) {
    keepFiles = error instanceof VectabaseError && error.code === 'RESTORE_STOPPED';
    throw error;
  } finally {
    await copy.discard({ keepFiles });
  }
}

async function proved(
  copy: PreparedCopy,
  { planned, target }: PrepareInput,
  began: number,
  ctx: JobContext<BackupObservation>,
): Promise<CopyReport> {
  const databases = await copy.prove();
  const { stop, bytes, restoreMs, replayMs } = copy;
  return {
    target: targetText(target),
    backup: planned.choice.base.label,
    timeline: planned.choice.timeline.id,
    lsn: formatLsn(stop.lsn),
    lastCommit: stop.lastCommit === undefined ? null : instantText(stop.lastCommit),
    nextCommit: stop.nextCommit === undefined ? null : instantText(stop.nextCommit),
    databases,
    rows: databases.reduce((sum, { rows }) => sum + rows, 0),
    bytes,
    restoreMs,
    replayMs,
    ms: ctx.clock.now() - began,
  };
}

/** A dump that is damaged or away must keep nobody from a restore. */
async function compared(
  report: CopyReport,
  { counts }: Pick<PreparedCopy, 'counts'>,
  { repository, view: { systemId }, identities, target }: PrepareInput,
  signal: AbortSignal,
): Promise<ComparedReport> {
  const nearest = await nearestCounts(repository, { systemId, identities, target }, signal).catch(() => undefined);
  return { ...report, compared: nearest ? compareCounts(nearest, { ...report, counts }) : null };
}

/** Whose directory it is, or, for one of root's, the user that servers run as. */
async function ownerFor(parent: string): Promise<RunAs | undefined> {
  const found = await stat(parent).catch(() => undefined);
  if (found === undefined) return path.dirname(parent) === parent ? serviceUser() : ownerFor(path.dirname(parent));
  if (found.uid === process.getuid?.()) return serviceUser();
  return { name: await nameOf(found.uid), uid: found.uid, gid: found.gid };
}

function nowhere(): VectabaseError {
  return new VectabaseError('INSTALLATION_MISSING', {
    message: 'there is no installation here whose data could be replaced',
    hint: 'On a machine that has none, name a data directory to make: --into DIR.',
  });
}
