import { rm } from 'node:fs/promises';
import type { ClusterPaths, InstallationPaths } from '../../foundation/config/directory.ts';
import type { JobContext } from '../../foundation/core/observe.ts';
import { stopOrphan } from '../../foundation/postgres/embedded/server.ts';
import { readJson, type RunFile } from '../../foundation/postgres/installation.ts';
import { isAlive, startTime, waitUntilGone } from '../../foundation/process/identity.ts';
import type { UpObservation } from './observations.ts';

/**
 * Ends what an `up` that was killed may have left: called under the directory's lock, so whatever runs there has no
 * owner any more. On Linux both servers stop by themselves when `up` dies; here we wait for that, or see to it.
 */
export async function stopOrphans(
  installation: InstallationPaths,
  cluster: ClusterPaths,
  ctx: JobContext<UpObservation>,
): Promise<void> {
  const run = await readJson<RunFile>(installation.run);
  if (run) await stopOrphanDaemon(run, ctx);
  const postgres = await stopOrphan(cluster.data);
  if (postgres !== undefined) ctx.observe({ event: 'up.orphan.noted', id: 'postgres', pid: postgres });
  await rm(installation.run, { force: true });
}

async function stopOrphanDaemon(run: RunFile, ctx: JobContext<UpObservation>): Promise<void> {
  const { daemonPid: pid, daemonStartTime } = run;
  // Without the start time (no /proc) a pid proves nothing, and a stranger must not be stopped.
  if (!isAlive(pid) || daemonStartTime === null || startTime(pid) !== daemonStartTime) return;
  ctx.observe({ event: 'up.orphan.noted', id: 'daemon', pid });
  for (const [signal, ms] of [
    ['SIGTERM', 15_000],
    ['SIGKILL', 5_000],
  ] as const) {
    if (!isAlive(pid)) return;
    process.kill(pid, signal);
    if (await waitUntilGone(pid, ms)) return;
  }
}
