import type { Logger } from 'pino';
import type { RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { ResourceScope } from '../foundation/core/release.ts';
import { openAdmin } from './admin.ts';
import { startArchive, type RunningArchive } from './archive.ts';
import { figuresOfHealth, renderMetrics, type Source } from './metrics.ts';
import { checkSelf, type Check } from './self-check.ts';
import type { Station } from './station.ts';

interface Surroundings {
  readonly log: Logger;
  readonly checks: readonly Check[];
  /** Why Postgres cannot be used now, or `undefined`. */
  readonly trouble: () => string | undefined;
}

export interface Duties {
  /** Applications may only read: the disk is full. */
  holdsWrites(): boolean;
  stop(): Promise<void>;
}

/** What one process of a machine does beside serving: the archive, jobs, alerts, the admin listener. */
export async function startDuties(
  config: RuntimeConfig,
  station: Station,
  { log, checks, trouble }: Surroundings,
): Promise<Duties> {
  const scope = new ResourceScope();
  let archive: RunningArchive | undefined;
  try {
    archive = await startArchive(config, station, log);
    if (archive) scope.add(archive, (running) => running.stop());
    const around = { log, trouble, archive: archive?.trouble };
    const jobs = config.jobs && (await (await import('./jobs.ts')).startJobs(config, around));
    if (jobs) scope.add(jobs, (running) => running.stop());
    const sources: Source[] = [async () => figuresOfHealth(await checkSelf(checks))];
    for (const source of [archive?.figures, jobs?.figures]) if (source) sources.push(source);
    const parts = {
      health: async () => checkSelf(checks),
      metrics: async () => renderMetrics(sources),
      testAlert: jobs?.testAlert,
      conditions: jobs?.conditions,
    };
    if (config.admin) scope.add(await openAdmin(config.admin.socket, parts), (admin) => admin.close());
  } catch (error) {
    await scope.release();
    throw error;
  }
  return { holdsWrites: () => archive?.holdsWrites() === true, stop: () => scope.release() };
}
