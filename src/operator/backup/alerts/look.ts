import { statfs } from 'node:fs/promises';
import { installationPaths } from '../../../foundation/config/directory.ts';
import { completed, readRuntimeFile, type RuntimeConfig } from '../../../foundation/config/runtime-file.ts';
import { messageOf } from '../../../foundation/core/errors.ts';
import type { DatabaseAddress } from '../../../foundation/postgres/address.ts';
import type { Standing } from '../standing.ts';
import { askDaemon } from './ask-daemon.ts';
import { expectedJobs, JOB_TERMS, jobFacts, readJobStates } from './jobs.ts';
import { conditionsOf, type AlertFacts, type AlertLimits } from './rules.ts';
import type { Condition } from './state.ts';

/** What somebody has to see to now, and who says so: `nobody` where no daemon of ours would. */
export interface AlertLook {
  readonly by: 'daemon' | 'us' | 'nobody';
  readonly conditions: readonly Condition[];
}

interface Input {
  readonly dir: string;
  /** Undefined: Postgres does not run. */
  readonly address: DatabaseAddress | undefined;
  readonly standing: Standing;
  readonly now: number;
}

/**
 * What the daemon alerts on: it is asked, as it alone knows how its archive is doing. Where it does not answer, the same
 * rules are asked about what can be seen from outside.
 *
 * @throws VectabaseError CONFIG_INVALID when the daemon's configuration cannot be read
 */
export async function lookAtAlerts(input: Input): Promise<AlertLook> {
  const config = readRuntimeFile(installationPaths(input.dir).daemonConfig, { credentials: false });
  if (config.jobs === undefined) return { by: 'nobody', conditions: [] };
  const told = config.admin && (await conditionsOfDaemon(config.admin.socket));
  return told ? { by: 'daemon', conditions: told } : { by: 'us', conditions: await ownConditions(config, input) };
}

async function conditionsOfDaemon(socket: string): Promise<readonly Condition[] | undefined> {
  const answer = await askDaemon(socket, { method: 'GET', path: '/alerts', timeout: 2_000 }).catch(() => undefined);
  if (answer === undefined) return undefined;
  const { conditions } = JSON.parse(answer) as { readonly conditions: readonly Condition[] | null };
  return conditions ?? undefined;
}

async function ownConditions(config: RuntimeConfig, { address, standing, now }: Input): Promise<Condition[]> {
  const states = address ? await readJobStates(address).catch(messageOf) : 'Postgres does not run';
  const known = typeof states === 'string' ? [] : states;
  const { newestAge, keyProofAge, clockBehind, configAge } = standing;
  const ms = (seconds: number | null): number | undefined => (seconds === null ? undefined : seconds * 1_000);
  const facts: AlertFacts = {
    now,
    jobs: expectedJobs(config).map((name) => jobFacts({ name, ...JOB_TERMS[name] }, known, undefined)),
    keyProofAge: ms(keyProofAge),
    clockBehind: clockBehind * 1_000,
    configAge: ms(configAge),
    disks: await diskUse(config.jobs?.disks ?? []),
    database: typeof states === 'string' ? states : undefined,
  };
  return conditionsOf(facts, limitsOf(config, { asksForKey: newestAge !== null }));
}

/** @param asksForKey there are backups, which nobody opens without it */
export function limitsOf(
  { backup }: Pick<RuntimeConfig, 'backup'>,
  { asksForKey }: { readonly asksForKey: boolean },
): AlertLimits {
  const { alertLagMinutes, alertDiskPercent, keyProofDays } = completed('backup', backup);
  return {
    archiveLag: alertLagMinutes * 60_000,
    disk: alertDiskPercent / 100,
    keyProof: keyProofDays > 0 && asksForKey ? keyProofDays * 86_400_000 : undefined,
  };
}

/** Those that are there. */
export async function diskUse(directories: readonly string[]): Promise<AlertFacts['disks']> {
  const all = directories.map(async (directory) => {
    const found = await statfs(directory).catch(() => undefined);
    return found ? [{ directory, used: 1 - found.bavail / Math.max(1, found.blocks) }] : [];
  });
  return (await Promise.all(all)).flat();
}
