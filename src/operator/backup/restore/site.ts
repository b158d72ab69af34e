import { stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import {
  clusterHome,
  clusterPaths,
  INSTALLED,
  installationPaths,
  restoreJournal,
} from '../../../foundation/config/directory.ts';
import { debianCluster } from '../../../foundation/config/machine-paths.ts';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import { sleep } from '../../../foundation/core/sleep.ts';
import { isRunning, readJson, type RunFile } from '../../../foundation/postgres/installation.ts';
import { runningPostmaster } from '../../../foundation/postgres/embedded/pid-file.ts';
import { lockDirectory } from '../../../foundation/process/directory-lock.ts';
import { run, type RunAs } from '../../../foundation/process/run.ts';
import { isRoot, nameOf } from '../../../foundation/process/service-user.ts';

/** The installation whose data directory a restore replaces. */
export interface Site {
  readonly kind: 'up' | 'installed';
  /** What is typed back before it is replaced. */
  readonly name: string;
  readonly data: string;
  /** Whose files they are: Postgres refuses those of another user. */
  readonly runAs: RunAs | undefined;
  /** WAL that is sealed and not in the store yet. */
  readonly spool: string;
  /** Where copies are built: on the same file system. */
  readonly scratch: string;
  /** The journal of a replacement. */
  readonly journal: string;
  isRunning(): Promise<boolean>;
  /** Those who write, then Postgres. Returns when nobody works on `data` and, until `release`, nobody can begin to. */
  stop(signal: AbortSignal): Promise<{ release(): Promise<void> }>;
  /** What `stop` stopped; false where that is the owner's to do. */
  start(): Promise<boolean>;
}

/** @returns undefined where there is no installation: on a machine that has nothing but the store and the key */
export async function findSite(dir: string, now: () => number): Promise<Site | undefined> {
  const { directory } = installationPaths(dir);
  return directory === INSTALLED.configuration ? installedSite() : upSite(dir, now);
}

/** An installation of `vectabase up`. Its owner starts it in a terminal of his own, so nobody but him starts it again. */
async function upSite(dir: string, now: () => number): Promise<Site | undefined> {
  const paths = installationPaths(dir);
  const pointer = await readJson<{ home: string }>(paths.pointer);
  const { home, data } = clusterPaths(pointer?.home ?? clusterHome(paths.directory, 'inside'));
  const journal = restoreJournal({ home });
  const owner = (await ownerOf(data)) ?? (await ownerOf(journal));
  if (!owner) return undefined;
  const readRun = async (): Promise<RunFile | undefined> => {
    const found = await readJson<RunFile>(paths.run);
    return found && isRunning(found) ? found : undefined;
  };
  return {
    kind: 'up',
    name: path.basename(paths.directory.endsWith('/.vectabase') ? path.dirname(paths.directory) : paths.directory),
    data,
    runAs: owner.uid === process.getuid?.() ? undefined : owner,
    spool: path.join(home, 'spool'),
    scratch: home,
    journal,
    isRunning: async () => (await readRun()) !== undefined,
    async stop(signal) {
      const running = await readRun();
      if (running) process.kill(running.pid, 'SIGTERM');
      // Its file goes before it lets go of the lock.
      const ended = (): boolean => running === undefined || !isRunning(running);
      await until(async () => ended() && (await runningPostmaster(data)) === undefined, signal);
      return lockDirectory(paths.lock, now());
    },
    start: async () => false,
  };
}

/**
 * Stopped and started as one job, in which systemd keeps their order. One after the other would not do: a connection of
 * the archiver starts the daemon, and that wants Postgres, which takes back the stop of it (measured).
 */
const UNITS = [
  'vectabase-api.socket',
  'pgbouncer.service',
  'postgresql@MAJOR-vectabase.service',
  'vectabase.service',
  'vectabase-archive.socket',
] as const;

/** What `vectabase install` made: Debian's cluster `vectabase`, below systemd. */
async function installedSite(): Promise<Site | undefined> {
  const { stdout } = await run(['pg_lsclusters', '--no-header']);
  const line = stdout.split('\n').find((each) => each.split(/\s+/)[1] === 'vectabase');
  const [major, , , , , data] = line?.split(/\s+/) ?? [];
  if (major === undefined || data === undefined) return undefined;
  const journal = path.join(INSTALLED.journal, 'restore.json');
  const units = UNITS.map((unit) => unit.replace('MAJOR', major));
  const postgres = debianCluster(Number(major)).unit;
  const owner = (await ownerOf(data)) ?? (await ownerOf(path.dirname(data)));
  return {
    kind: 'installed',
    name: hostname(),
    data,
    runAs: owner,
    spool: path.join(INSTALLED.data, 'spool'),
    scratch: path.join(INSTALLED.data, 'scratch'),
    journal,
    isRunning: async () => (await run(['systemctl', 'is-active', '--quiet', postgres])).exitCode === 0,
    async stop(signal) {
      if (!isRoot()) throw needsRoot();
      await systemctl('stop', await loaded(units));
      await until(async () => (await runningPostmaster(data)) === undefined, signal);
      return { release: async () => undefined };
    },
    async start() {
      await systemctl('start', await loaded(units));
      return true;
    },
  };
}

/** Those that this machine has: an installation may be without a pooler. */
async function loaded(units: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const unit of units) {
    const { stdout } = await run(['systemctl', 'show', '--property=LoadState', '--value', unit]);
    if (stdout.trim() === 'loaded') found.push(unit);
  }
  return found;
}

async function systemctl(verb: 'start' | 'stop', units: readonly string[]): Promise<void> {
  // Crash recovery and a last checkpoint may take minutes.
  const { exitCode, stderr } = await run(['systemctl', verb, ...units], { timeout: 900_000 });
  if (exitCode === 0) return;
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `systemctl ${verb} ${units.join(' ')} failed: ${stderr.trim()}`,
    hint: 'Look why: systemctl --failed, journalctl -n 100.',
    details: { units },
  });
}

const PATIENCE_MS = 180_000;

async function until(done: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  const began = performance.now();
  while (!(await done())) {
    if (performance.now() - began > PATIENCE_MS) {
      throw new VectabaseError('LOCK_HELD', {
        message: 'the installation did not stop within three minutes',
        hint: 'Stop it by hand, then run: vectabase backup restore --resume',
      });
    }
    await sleep(100, signal);
  }
}

async function ownerOf(file: string): Promise<RunAs | undefined> {
  const found = await stat(file).catch(() => undefined);
  return found && { name: await nameOf(found.uid), uid: found.uid, gid: found.gid };
}

function needsRoot(): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: 'only root may stop the installed cluster and replace its files',
    hint: 'Run the command with sudo.',
  });
}
