import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { JobContext } from '../../foundation/core/observe.ts';
import { withResources } from '../../foundation/core/release.ts';
import { prepareBinaries } from '../../foundation/postgres/embedded/binaries.ts';
import { serviceUser } from '../../foundation/process/service-user.ts';
import type { BackupObservation } from './observations.ts';
import { restoreBackup } from './restore.ts';
import { checkIndexes, countRows, summarize, type DatabaseProof } from './restore/proof.ts';
import { scratchHome, startScratch, type Scratch } from './restore/scratch.ts';
import type { UnpackInput } from './unpack.ts';

interface RehearseInput extends UnpackInput {
  /** Where the scratch cluster is built; it needs as much room as the cluster. */
  readonly scratch: string;
}

/** What a rehearsal proved. */
export interface RehearsalReport {
  readonly label: string;
  readonly at: string;
  readonly bytes: number;
  /** Milliseconds until the files were back, and until Postgres answered. */
  readonly restoreMs: number;
  readonly startMs: number;
  readonly databases: readonly DatabaseProof[];
}

/**
 * Restores a backup beside the running server, starts Postgres on it without any network, reads every row of every
 * table and takes it all away again.
 */
export async function rehearse(input: RehearseInput, ctx: JobContext<BackupObservation>): Promise<RehearsalReport> {
  return withResources(async (scope) => {
    const runAs = await serviceUser();
    const home = scope.add(await scratchHome(input.scratch, runAs), (directory) =>
      rm(directory, { recursive: true, force: true }),
    );
    const data = path.join(home, 'data');
    const restored = await restoreBackup({ ...input, into: data, owner: runAs, durable: false }, ctx);
    const began = ctx.clock.now();
    ctx.observe({ event: 'backup.start.started', id: input.entry.label });
    const binaries = await prepareBinaries({ runAs });
    const scratch = scope.add(await startScratch({ home, data, binaries, runAs, signal: ctx.signal }), (running) =>
      running.stop(),
    );
    const startMs = ctx.clock.now() - began;
    ctx.observe({ event: 'backup.start.finished', id: input.entry.label, ms: startMs });
    const databases = await Promise.race([
      prove(scratch),
      scratch.server.exited.then(() => {
        throw new Error('the scratch server ended');
      }),
    ]);
    return {
      label: input.entry.label,
      at: new Date(ctx.clock.now()).toISOString(),
      bytes: restored.bytes,
      restoreMs: restored.ms,
      startMs,
      databases,
    };
  });
}

async function prove(scratch: Scratch): Promise<readonly DatabaseProof[]> {
  return summarize(await countRows(scratch), await checkIndexes(scratch));
}
