import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { INSTALLED } from '../../../foundation/config/directory.ts';
import { assetPath } from '../../../foundation/core/assets.ts';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import { lockDirectory } from '../../../foundation/process/directory-lock.ts';
import { isRoot } from '../../../foundation/process/service-user.ts';
import { driveUpgrade } from './drive.ts';
import { machineHands } from './hands.ts';
import { CONFIG_MIGRATIONS } from './migrations.ts';
import { isFinished, readRecord, writeRecord, type UpgradeRecord } from './record.ts';
import { addRelease, currentRelease, pruneReleases, versionOf } from './releases.ts';

export interface UpgradePlan {
  /** Names of releases. */
  readonly from: string;
  readonly to: string;
  /** What happens to vectabase.yml. */
  readonly configuration: readonly string[];
  /** An earlier upgrade that was stopped; it is brought to its end. */
  readonly unfinished: boolean;
}

export interface UpgradeResult extends UpgradePlan {
  readonly outcome: 'done' | 'returned' | 'nothing to do';
  readonly reason: string | null;
}

/**
 * The release whose code an upgrade must run: that of the one that was begun, as it alone knows its changes to the
 * configuration. Undefined when that is us.
 */
export async function releaseInCharge(): Promise<string | undefined> {
  const record = await readRecord();
  if (record === undefined || isFinished(record) || record.to === ownRoot()) return undefined;
  return existsSync(path.join(record.to, 'bin', 'run.js')) ? record.to : undefined;
}

/** From the release that runs to the package that this code is of. Touches nothing. */
export async function planUpgrade(): Promise<UpgradePlan> {
  const from = await installedRelease();
  const record = await readRecord();
  const unfinished = record !== undefined && !isFinished(record);
  return {
    from: path.basename(from),
    to: unfinished ? path.basename(record.to) : await versionOf(ownRoot()),
    configuration: CONFIG_MIGRATIONS.map(({ title }) => title),
    unfinished,
  };
}

/** @throws VectabaseError INSTALLATION_MISSING, LOCK_HELD, UPGRADE_STUCK */
export async function upgradeMachine(signal: AbortSignal): Promise<UpgradeResult> {
  return withLock(async () => {
    const from = await installedRelease();
    const old = await readRecord();
    if (old !== undefined && !isFinished(old)) return drive(old, signal);
    const to = await addRelease(ownRoot());
    if (to === from) return result({ ...fresh(from, to), phase: 'done' }, 'nothing to do');
    const record = fresh(from, to);
    await writeRecord(record);
    return drive(record, signal);
  });
}

/** Back to the release before the last upgrade. @throws VectabaseError PRECONDITION_FAILED when there is none */
export async function rollBack(signal: AbortSignal): Promise<UpgradeResult> {
  return withLock(async () => {
    const record = await readRecord();
    if (record?.phase === 'returned' || record === undefined || !existsSync(path.join(record.from, 'bin', 'run.js'))) {
      throw new VectabaseError('PRECONDITION_FAILED', {
        message: 'there is no earlier release on this machine to go back to',
        hint: `Run vectabase upgrade vectabase@VERSION for a certain one. Those here: ls ${INSTALLED.releases}`,
      });
    }
    const back: UpgradeRecord =
      record.phase === 'unconfigured' ? record : { ...record, phase: 'returning', reason: 'asked for' };
    await writeRecord(back);
    return drive(back, signal);
  });
}

async function drive(record: UpgradeRecord, signal: AbortSignal): Promise<UpgradeResult> {
  const end = await driveUpgrade(record, CONFIG_MIGRATIONS, machineHands(signal), signal).catch((error: unknown) => {
    throw signal.aborted ? stopped(record, error) : error;
  });
  // The one before is what --rollback goes to, and what a failed one was is for whoever looks why.
  await pruneReleases([end.from, end.to]);
  return result(end, end.phase === 'done' ? 'done' : 'returned');
}

function result({ from, to, reason }: UpgradeRecord, outcome: UpgradeResult['outcome']): UpgradeResult {
  const configuration = CONFIG_MIGRATIONS.map(({ title }) => title);
  return { from: path.basename(from), to: path.basename(to), configuration, unfinished: false, outcome, reason };
}

function stopped({ from, to }: UpgradeRecord, cause: unknown): VectabaseError {
  return new VectabaseError('UPGRADE_STOPPED', {
    message: `stopped between ${path.basename(from)} and ${path.basename(to)}; what is done is kept`,
    hint: 'Run: vectabase upgrade',
    cause,
  });
}

function fresh(from: string, to: string): UpgradeRecord {
  const startedAt = new Date().toISOString();
  return { version: 1, from, to, phase: 'begun', migrations: [], reason: null, startedAt };
}

async function withLock<T>(body: () => Promise<T>): Promise<T> {
  if (!isRoot()) {
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: 'releases of a machine are changed by root alone',
      hint: 'Run: sudo vectabase upgrade',
    });
  }
  await installedRelease();
  const lock = await lockDirectory(path.join(INSTALLED.journal, 'upgrade'), Date.now());
  try {
    return await body();
  } finally {
    await lock.release();
  }
}

async function installedRelease(): Promise<string> {
  const release = await currentRelease();
  if (release !== undefined) return release;
  throw new VectabaseError('INSTALLATION_MISSING', {
    message: `${INSTALLED.current} leads to no release`,
    hint: 'Run vectabase install: it puts this release there.',
  });
}

function ownRoot(): string {
  return realpathSync(assetPath());
}
