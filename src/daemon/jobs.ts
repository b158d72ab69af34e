import type { Logger } from 'pino';
import { completed, type RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { messageOf } from '../foundation/core/errors.ts';
import { jobFacts } from '../operator/backup/alerts/jobs.ts';
import { diskUse, limitsOf } from '../operator/backup/alerts/look.ts';
import { conditionsOf, type AlertFacts } from '../operator/backup/alerts/rules.ts';
import type { RunningArchive } from './archive.ts';
import { startAlerts, type Alerts } from './alerts/alerts.ts';
import { discordChannel, mailChannel, webhookChannel, type Channel } from './alerts/channels.ts';
import { mailTransport } from './auth-mail.ts';
import { databaseAddress } from './database-address.ts';
import type { Figures } from './metrics.ts';
import { backupJobs } from './scheduler/backup-jobs.ts';
import { startScheduler, type Scheduler } from './scheduler/scheduler.ts';

export interface RunningJobs {
  readonly figures: () => Promise<Figures>;
  readonly testAlert: Alerts['test'];
  readonly conditions: Alerts['conditions'];
  stop(): Promise<void>;
}

interface Surroundings {
  readonly log: Logger;
  /** Why Postgres cannot be used now. */
  readonly trouble: () => string | undefined;
  /** Of the archive, where there is one. */
  readonly archive: RunningArchive['trouble'] | undefined;
}

const MINUTE = 60_000;
const HOUR = 3_600_000;
/** Milliseconds that Postgres may be away: a restart is no alert. */
const AWAY = 3 * MINUTE;

/** Jobs by schedule, and alerts about them and all that backups stand on. */
export async function startJobs(config: RuntimeConfig, around: Surroundings): Promise<RunningJobs> {
  const { log } = around;
  const settings = completed('backup', config.backup);
  const address = databaseAddress(config);
  let alerts: Alerts | undefined;
  const ended = (): void => alerts?.lookNow();
  await clearScratch(config, log);
  const scheduler = await startScheduler(backupJobs(config, log), { address, log, ended });
  const startedAt = Date.now();
  let goodAt = startedAt;
  let archivedAt = startedAt;
  const standing = standingWatch(config);
  const look = async () => {
    const now = Date.now();
    const reason = around.trouble();
    if (reason === undefined) goodAt = now;
    const states = reason === undefined ? await scheduler.states() : [];
    const archive = around.archive?.();
    if (archive?.failure === undefined) archivedAt = now;
    const backups = await standing(now);
    const facts: AlertFacts = {
      now,
      jobs: scheduler.jobs.map((job) => jobFacts(job, states, startedAt)),
      archiveLag: archive?.lag,
      archiveFailure: archive?.failure,
      archiveFailing: now - archivedAt,
      archiveRefused: archive?.refused,
      archiveStuck: archive?.stuck,
      keyProofAge: backups?.provedAt && now - backups.provedAt,
      clockBehind: backups?.newestAt && backups.newestAt - now,
      configAge: backups?.configAt && now - backups.configAt,
      disks: await diskUse(config.jobs?.disks ?? []),
      database: now - goodAt > AWAY ? reason : undefined,
    };
    // The key is asked for of the store's books; while they cannot be read, other alerts tell.
    const limits = limitsOf(config, { asksForKey: backups !== undefined });
    // How jobs stand is known to the database alone: whoever waits for a word that all is well gets none meanwhile.
    return { conditions: conditionsOf(facts, limits), whole: reason === undefined };
  };
  const channels = channelsOf(config);
  const running = startAlerts({ address, channels, deadMan: settings.alertDeadMan, look, log });
  alerts = running;
  return {
    figures: async () => figuresOf(await scheduler.states(), running),
    testAlert: () => running.test(),
    conditions: () => running.conditions(),
    stop: async () => {
      await scheduler.stop();
      await running.stop();
    },
  };
}

/** The copy of a rehearsal that was killed with the daemon before us is the whole cluster in clear. */
async function clearScratch({ jobs }: RuntimeConfig, log: Logger): Promise<void> {
  if (jobs?.scratch === undefined) return;
  const { sweepScratch } = await import('../operator/backup/restore/scratch-home.ts');
  try {
    for (const directory of await sweepScratch(jobs.scratch)) log.warn({ directory }, 'backup.scratch.swept');
  } catch (error) {
    log.error({ reason: messageOf(error) }, 'backup.scratch.failed');
  }
}

interface Read {
  readonly at: number;
  /** When the owner proved to have the recovery key, and when the catalogue was last written: milliseconds since the epoch. */
  readonly provedAt: number | undefined;
  readonly newestAt: number;
  /** When the configuration was last kept. */
  readonly configAt: number | undefined;
}

/** What the catalogue tells, read once in an hour, and when the clock went back; undefined before the first backup. */
function standingWatch({ archive }: RuntimeConfig): (now: number) => Promise<Read | undefined> {
  let read: Read | undefined;
  return async (now) => {
    if (archive === undefined || (read && now >= read.at && now - read.at <= HOUR)) return read;
    const { readStanding } = await import('../operator/backup/standing.ts');
    const place = { directory: archive.repository, home: { directory: archive.home } };
    const signal = AbortSignal.timeout(MINUTE);
    const found = await readStanding({ place, data: archive.spool, now, signal }).catch(() => undefined);
    if (found === undefined || found.newestAge === null) return (read = undefined);
    const ago = (seconds: number | null): number | undefined => (seconds === null ? undefined : now - seconds * 1_000);
    const { keyProofAge, configAge, clockBehind } = found;
    read = { at: now, provedAt: ago(keyProofAge), configAt: ago(configAge), newestAt: now + clockBehind * 1_000 };
    return read;
  };
}

function channelsOf(config: RuntimeConfig): Channel[] {
  const { alertMail, alertDiscord, alertWebhook, alertWebhookSecret } = completed('backup', config.backup);
  const transport = alertMail.length > 0 ? mailTransport(config) : undefined;
  return [
    ...(transport ? [mailChannel(transport, alertMail)] : []),
    ...(alertDiscord === undefined ? [] : [discordChannel(alertDiscord)]),
    ...(alertWebhook === undefined ? [] : [webhookChannel(alertWebhook, alertWebhookSecret)]),
  ];
}

function figuresOf(states: Awaited<ReturnType<Scheduler['states']>>, alerts: Alerts): Figures {
  const raised = alerts.raised();
  return [
    ...states.flatMap(({ job, succeeded_at, seconds, status }) => {
      const labels = { job };
      return [
        {
          name: 'job_last_success_timestamp_seconds',
          help: 'When a job last succeeded, since the epoch.',
          value: succeeded_at ?? undefined,
          labels,
        },
        {
          name: 'job_last_duration_seconds',
          help: 'How long the last finished run took.',
          value: seconds ?? undefined,
          labels,
        },
        { name: 'job_failing', help: 'Whether the last run failed.', value: Number(status === 'failed'), labels },
      ];
    }),
    ...(['critical', 'warning'] as const).map((severity) => ({
      name: 'alerts',
      help: 'Alerts that are raised.',
      value: raised?.[severity],
      labels: { severity },
    })),
  ];
}
