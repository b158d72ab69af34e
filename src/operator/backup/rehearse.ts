import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import path from 'node:path';
import { makeDirectory, ownerToBe, writeDurably } from '../../foundation/core/durable-file.ts';
import { asVectabaseError, VectabaseError } from '../../foundation/core/errors.ts';
import type { JobContext } from '../../foundation/core/observe.ts';
import type { AgeIdentity } from '../../foundation/crypto/age-keys.ts';
import { ownName } from '../../foundation/process/service-user.ts';
import { openWriter } from './catalog/append.ts';
import { nearestCounts, type CountsComparison, compareCounts, lostTables } from './dump/counts.ts';
import { labelOf } from './epochs.ts';
import { openIn } from './opener.ts';
import type { BackupObservation } from './observations.ts';
import type { Repository } from './repository.ts';
import { readArchive, type ArchiveView } from './restore/archive-view.ts';
import { readyRestore, rehearseCopy, type CopyReport } from './restore/run.ts';
import type { Site } from './restore/site.ts';
import type { RestoreTarget } from './restore/target.ts';

export interface RehearseInput {
  readonly repository: Repository;
  readonly identities: readonly AgeIdentity[];
  /** Where the copy is built; it needs as much room as the cluster. */
  readonly scratch: string;
  /** A random second of those that can be reached unless told; the end of a backup where there is no WAL. */
  readonly target?: RestoreTarget | undefined;
  /** The backup to begin from; without a target, it alone is rehearsed. */
  readonly label?: string | undefined;
  readonly unsigned?: boolean | undefined;
  /** Decides who Postgres runs as, and with which programs. */
  readonly site?: Site | undefined;
  /** Whether the catalogue hears of it: on a machine that may sign there. */
  readonly record: boolean;
}

/** What a rehearsal proved. */
export interface RehearsalReport extends CopyReport {
  /** ISO 8601. */
  readonly at: string;
  /** `root@shop` */
  readonly by: string;
  /** Against what was counted when the nearest dump was made; null where there is none. */
  readonly compared: CountsComparison | null;
  /** Exact, by table. */
  readonly counts: Readonly<Record<string, number>>;
  /** The file with all of this, and its SHA-256, which the signed catalogue has; null when it was not recorded. */
  readonly evidence: { readonly file: string; readonly sha256: string } | null;
}

/**
 * Restores to a second beside the running server, without any network, reads every row of every table, walks every
 * index, writes down what was found and takes the copy away again. What failed is written down, too.
 */
export async function rehearse(input: RehearseInput, ctx: JobContext<BackupObservation>): Promise<RehearsalReport> {
  const { repository, identities, label, unsigned } = input;
  const opener = openIn(repository, identities);
  const view = await readArchive(repository, { opener, unsigned: unsigned === true, label, signal: ctx.signal });
  const target =
    input.target ?? (label === undefined ? randomTarget(view, ctx.clock.now()) : ({ kind: 'base' } as const));
  const began = ctx.clock.now();
  const { site, scratch } = input;
  const request = { repository, identities, target, label, unsigned, site, scratch };
  try {
    const report = await rehearseCopy(await readyRestore(request, ctx), ctx);
    const nearest = await nearestCounts(repository, { systemId: view.systemId, identities, target }, ctx.signal);
    const found = {
      at: new Date(ctx.clock.now()).toISOString(),
      by: `${ownName()}@${hostname()}`,
      ...report,
      compared: nearest ? compareCounts(nearest, report) : null,
    };
    if (!input.record) return { ...found, evidence: null };
    const evidence = await keepEvidence(repository, found);
    await record(input, view.systemId, { ...found, evidence }, target, ctx);
    return { ...found, evidence };
  } catch (error) {
    if (input.record && !ctx.signal.aborted) await recordFailure(input, view, target, began, error, ctx);
    throw error;
  }
}

/** Any second between the end of the first backup and the last commit that is known; the newest backup's end else. */
export function randomTarget(view: ArchiveView, now: number, random = Math.random()): RestoreTarget {
  const first = Math.min(...view.bases.map(({ stoppedAt }) => stoppedAt)) * 1000;
  const commits = view.ranges.flatMap(({ lastCommit }) => (lastCommit === undefined ? [] : [lastCommit]));
  const last = Math.min(Math.max(...commits), now * 1000);
  if (!(last > first)) return { kind: 'base' };
  return { kind: 'time', micros: Math.floor(first + random * (last - first)) };
}

async function keepEvidence({ home }: Repository, found: { at: string }): Promise<{ file: string; sha256: string }> {
  const directory = path.join(home.directory, 'rehearsals');
  await makeDirectory(directory);
  const text = `${JSON.stringify(found, null, 2)}\n`;
  const file = path.join(directory, `${labelOf(Date.parse(found.at))}.json`);
  await writeDurably(file, text, { owner: await ownerToBe(directory) });
  return { file, sha256: createHash('sha256').update(text).digest('hex') };
}

async function record(
  { repository: { store, home } }: RehearseInput,
  systemId: string,
  report: RehearsalReport,
  target: RestoreTarget,
  { clock, signal }: JobContext<BackupObservation>,
): Promise<void> {
  const { append } = openWriter({ store, systemId, home, clock, signal });
  await append({
    kind: 'rehearsed',
    label: report.backup,
    target: timeOf(target),
    reached: report.lsn,
    timeline: report.timeline,
    ms: report.ms,
    rows: report.rows,
    evidenceSha256: report.evidence?.sha256,
    ok: report.compared === null || lostTables(report.compared).length === 0,
  });
}

/** The reason of the failure is what its owner must hear: that this could not be written down as well is told by nobody. */
async function recordFailure(
  { repository: { store, home }, label }: RehearseInput,
  view: ArchiveView,
  target: RestoreTarget,
  began: number,
  error: unknown,
  { clock, signal }: JobContext<BackupObservation>,
): Promise<void> {
  const newest = view.bases.toSorted((one, two) => two.stoppedAt - one.stoppedAt)[0]?.label;
  const about = label ?? newest;
  if (about === undefined) return;
  const { code } = asVectabaseError(error);
  const { append } = openWriter({ store, systemId: view.systemId, home, clock, signal });
  const ms = clock.now() - began;
  await append({ kind: 'rehearsed', label: about, target: timeOf(target), ms, ok: false, code }).catch(() => undefined);
}

function timeOf(target: RestoreTarget): string | null {
  return target.kind === 'time' ? new Date(Math.floor(target.micros / 1000)).toISOString() : null;
}

/**
 * For those who must not take a difference for a success.
 *
 * @throws VectabaseError RESTORE_UNPROVEN
 */
export function assertSame({ compared }: Pick<RehearsalReport, 'compared'>): void {
  const lost = compared ? lostTables(compared) : [];
  if (compared === null || lost.length === 0) return;
  throw new VectabaseError('RESTORE_UNPROVEN', {
    message: `${lost.length} tables that dump ${compared.with} holds are gone or empty in the copy: ${lost.slice(0, 3).join(', ')}`,
    hint: 'Were they made, filled or dropped in between? If not, take a new backup at once: vectabase backup create',
    details: { missing: compared.missing, emptied: compared.emptied, dump: compared.with },
  });
}
