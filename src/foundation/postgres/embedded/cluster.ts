import { randomBytes } from 'node:crypto';
import { chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { VectabaseError } from '../../core/errors.ts';
import { PLAIN_ENVIRONMENT, run, type RunAs } from '../../process/run.ts';
import type { PostgresBinaries } from './binaries.ts';

export interface ClusterOptions {
  readonly binaries: Pick<PostgresBinaries, 'initdb' | 'version'>;
  readonly runAs: RunAs | undefined;
  /** Where PGDATA shall be. Its parent is made when absent; it must not exist itself. */
  readonly data: string;
  readonly superuser: string;
  readonly password: string;
  /** False leaves the files in the page cache; for clusters that need not outlive a power cut. */
  readonly sync?: boolean;
}

/**
 * Makes an empty cluster: checksums, UTF-8, scram, and a locale that does not depend on the machine's.
 *
 * Built in the directory beside it and renamed into place at the end, so that a `data` directory is always whole,
 * whenever the process was killed.
 *
 * @throws VectabaseError POSTGRES_START_FAILED with initdb's words
 */
export async function initCluster(options: ClusterOptions): Promise<void> {
  const { data, runAs } = options;
  const parent = path.dirname(data);
  await mkdir(parent, { recursive: true });
  // A folder owned by the servers' user in which to build: initdb cannot make one in a directory of root's.
  const workshop = path.join(parent, `${path.basename(data)}.new-${randomBytes(6).toString('hex')}`);
  const passwordFile = path.join(workshop, 'password');
  try {
    await mkdir(workshop, { mode: 0o700 });
    await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 });
    if (runAs) {
      await chown(passwordFile, runAs.uid, runAs.gid);
      await chown(workshop, runAs.uid, runAs.gid);
    }
    await initdb(options, path.join(workshop, 'data'), passwordFile);
    await rename(path.join(workshop, 'data'), data);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

async function initdb(options: ClusterOptions, data: string, passwordFile: string): Promise<void> {
  // macOS has had C.UTF-8 only since 2023; en_US.UTF-8 is on every version.
  const locale = process.platform === 'darwin' ? 'en_US.UTF-8' : 'C.UTF-8';
  const { exitCode, stdout, stderr } = await run(
    [
      options.binaries.initdb,
      `--pgdata=${data}`,
      `--username=${options.superuser}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--data-checksums',
      '--encoding=UTF8',
      // Since 17; the order of text then changes with no library of the system.
      ...(Number.parseInt(options.binaries.version, 10) >= 17
        ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8']
        : []),
      `--locale=${locale}`,
      '--lc-messages=C',
      '--no-instructions',
      ...(options.sync === false ? ['--no-sync'] : []),
    ],
    { runAs: options.runAs, env: { ...PLAIN_ENVIRONMENT, TZ: 'UTC' } },
  );
  if (exitCode === 0) return;
  const said = (stderr.trim() || stdout.trim()).split('\n').slice(-20);
  throw new VectabaseError('POSTGRES_START_FAILED', {
    message: `initdb could not make a cluster: ${said.find((line) => /error|fatal/i.test(line)) ?? said.at(-1) ?? `exit ${exitCode}`}`,
    hint: 'Mend what it names and run the command again; nothing was left behind.',
    details: { log: said },
  });
}
