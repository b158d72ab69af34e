import { readFile, rename, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { syncDirectory } from '../../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import { holdDirectory } from '../../../foundation/core/held-directory.ts';
import type { JobContext } from '../../../foundation/core/observe.ts';
import { ResourceScope } from '../../../foundation/core/release.ts';
import type { AgeIdentity } from '../../../foundation/crypto/age-keys.ts';
import type { PostgresBinaries } from '../../../foundation/postgres/embedded/binaries.ts';
import { serverBinaries } from '../../../foundation/postgres/system-binaries.ts';
import { removeTree } from '../../../foundation/process/remove-tree.ts';
import { run, type RunAs } from '../../../foundation/process/run.ts';
import { serveRestore } from '../archive/restore-server.ts';
import { openIn } from '../opener.ts';
import type { BackupObservation } from '../observations.ts';
import type { Repository } from '../repository.ts';
import { restoreBackup } from '../restore.ts';
import type { ArchiveView } from './archive-view.ts';
import { expectedOf, type PlannedRestore } from './plan.ts';
import { checkIndexes, countRows, summarize, type DatabaseProof, type RowCounts } from './proof.ts';
import { promote, replay } from './recovery.ts';
import { passage, scratchHome } from './scratch-home.ts';
import { SET_ASIDE, type Scratch } from './scratch.ts';
import type { StopPoint } from './stop-point.ts';
import type { RestoreTarget } from './target.ts';

export interface PrepareInput {
  readonly repository: Repository;
  readonly view: ArchiveView;
  readonly planned: PlannedRestore;
  readonly target: RestoreTarget;
  readonly identities: readonly AgeIdentity[];
  /** The directory in which the copy is built; on the file system on which it shall stay, if it shall. */
  readonly parent: string;
  /** Who Postgres runs as. */
  readonly runAs: RunAs | undefined;
  /** Which programs to take where both are there: those that the cluster was run by. */
  readonly prefer: 'system' | 'packaged';
  /** The pg_wal of a cluster that cannot archive any more: what the archive has not is looked for there. */
  readonly tail?: string | undefined;
}

/** A copy that rests at the target, read-only and proved to be at the right place. */
export interface PreparedCopy {
  readonly scratch: Scratch;
  readonly binaries: PostgresBinaries;
  /** Below `parent`; all of it goes with `discard`. */
  readonly home: string;
  readonly data: string;
  readonly stop: StopPoint;
  readonly counts: RowCounts;
  /** Of the base. */
  readonly bytes: number;
  readonly restoreMs: number;
  readonly replayMs: number;
  /** Makes it a primary on a timeline of its own and walks its indexes. */
  prove(): Promise<readonly DatabaseProof[]>;
  /** Stops it and leaves a data directory that any server of this version can be started on. */
  keep(): Promise<string>;
  /** Stops it and takes everything away that is still there, unless a journal says what becomes of it. */
  discard(options?: { readonly keepFiles: boolean }): Promise<void>;
}

/**
 * Unpacks the base, replays the WAL of the store on it and reads every row. Nothing but `parent` is touched.
 *
 * @throws VectabaseError as `restoreBackup` and `replay`
 */
export async function prepareCopy(input: PrepareInput, ctx: JobContext<BackupObservation>): Promise<PreparedCopy> {
  const { repository, view, planned, target, identities, runAs } = input;
  const { base, timeline } = planned.choice;
  const scope = new ResourceScope();
  try {
    let keepFiles = false;
    const home = scope.add(await scratchHome(input.parent, runAs), async (directory) => {
      if (!keepFiles) await removeTree(directory);
    });
    const data = path.join(home, 'data');
    const major = Number(base.entry.postgres.split('.')[0]);
    const binaries = await serverBinaries({ major, runAs, prefer: input.prefer });
    const restored = await restoreBackup(
      { ...base, repository, identities, into: data, owner: undefined, durable: false },
      ctx,
    );
    const wal = scope.add(
      await serveRestore(
        {
          store: repository.store,
          systemId: view.systemId,
          segmentBytes: view.segments.segmentBytes,
          opener: openIn(repository, identities),
          epochs: view.epochs,
          ranges: view.ranges,
          directory: await socketHome(home, runAs, scope),
          owner: runAs,
        },
        { ...ctx, observe: () => undefined },
      ),
      (server) => server.close(),
    );
    const began = ctx.clock.now();
    const restoreCommand = withTail(wal.command, input.tail);
    const { scratch, stop } = await replay(
      {
        id: base.label,
        home,
        data,
        binaries,
        runAs,
        target,
        timeline: timeline.id,
        restoreCommand,
        ...expectedOf(planned, view),
      },
      ctx,
    ).catch((error: unknown) => {
      throw wal.failure() ?? error;
    });
    scope.add(scratch, (running) => running.stop());
    const replayMs = ctx.clock.now() - began;
    ctx.observe({ event: 'backup.proof.started', id: base.label });
    const counts = await countRows(scratch);
    const rows = Object.values(counts).reduce((sum, each) => sum + each, 0);
    ctx.observe({ event: 'backup.proof.finished', id: base.label, rows, ms: ctx.clock.now() - began - replayMs });
    return {
      scratch,
      binaries,
      home,
      data,
      stop,
      counts,
      bytes: restored.bytes,
      restoreMs: restored.ms,
      replayMs,
      prove: async () => {
        await promote(scratch, ctx.signal);
        return summarize(counts, await checkIndexes(scratch));
      },
      keep: async () => {
        await scratch.stop();
        await settle({ home, data }, binaries, runAs);
        return data;
      },
      discard: async (options) => {
        keepFiles = options?.keepFiles === true;
        await scope.release();
      },
    };
  } catch (error) {
    await scope.release().catch(() => undefined);
    throw error;
  }
}

/** `/restore.sock` must fit into the 107 bytes that the kernel holds of a socket's path. */
async function socketHome(home: string, runAs: RunAs | undefined, scope: ResourceScope): Promise<string> {
  const inside = path.join(home, 'wal');
  if (Buffer.byteLength(inside) <= 90) return inside;
  const outside = scope.add(await passage(path.join(tmpdir(), 'vt-wal-'), runAs), (directory) => removeTree(directory));
  return path.join(outside, 'wal');
}

/** What the archive proves not to have yet may lie where the old server kept it: what it wrote last. */
function withTail(command: string, tail: string | undefined): string {
  if (tail === undefined) return command;
  const file = `'${tail.replaceAll("'", String.raw`'\''`).replaceAll('%', '%%')}'/%f`;
  return `(${command}); s=$?; [ $s = 1 ] && [ -f ${file} ] || exit $s; cp ${file} %p || exit 200`;
}

/** Settings that a restore of somebody else may have left there, and that would make a primary recover again. */
const OF_A_RECOVERY = /^\s*(recovery_|restore_command|primary_|archive_cleanup_command|standby_)/;

/**
 * On disk, with its own settings again, its history ready for the archive: the copy did not archive, so nobody told the
 * archiver of the timeline that it began, and without its history no later restore finds the way onto it. Done as the
 * user whose directory it is by now: a link in it leads no further than that user gets.
 */
async function settle(
  { home, data }: { home: string; data: string },
  binaries: PostgresBinaries,
  runAs: RunAs | undefined,
): Promise<void> {
  const own = await readFile(path.join(home, SET_ASIDE), 'utf8').catch(() => '');
  const lines = own.split('\n').filter((line) => !OF_A_RECOVERY.test(line));
  const settled = await run(['sh', '-c', SETTLE, 'settle', data], { runAs, input: lines.join('\n') });
  // It was written without fsync: until now it was a thing to throw away.
  const synced =
    settled.exitCode === 0
      ? await run([binaries.initdb, ...syncOnly(binaries), `--pgdata=${data}`], { runAs, timeout: 3_600_000 })
      : settled;
  if (synced.exitCode === 0) return;
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `the restored cluster could not be brought to disk: ${synced.stderr.trim()}`,
    hint: 'Look at the disk, then run the command again; nothing of the running installation was touched.',
  });
}

/** One call for the file system where initdb knows it: each of a thousand files takes its turn at the disk otherwise. */
function syncOnly({ version }: PostgresBinaries): string[] {
  const whole = process.platform === 'linux' && Number(version.split('.')[0]) >= 17;
  return ['--sync-only', ...(whole ? ['--sync-method=syncfs'] : [])];
}

const SETTLE = `
set -eu
umask 077
cd "$1"
cat > postgresql.auto.conf.new
mv -f postgresql.auto.conf.new postgresql.auto.conf
cd pg_wal
newest=$(ls | grep -xE '[0-9A-F]{8}[.]history' | sort | tail -n 1)
[ -n "$newest" ] || exit 0
rm -f "archive_status/$newest.ready"
: > "archive_status/$newest.ready"
`;

/** Puts the data directory of a kept copy where it shall stay. */
export async function moveInto(data: string, into: string): Promise<void> {
  const above = await holdDirectory(path.dirname(path.resolve(into)), { make: true });
  try {
    const target = path.join(above.path, path.basename(into));
    await rmdir(target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await rename(data, target);
    await syncDirectory(above.path);
  } finally {
    await above.close();
  }
}
