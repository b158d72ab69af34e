import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import path from 'node:path';
import { VectabaseError } from '../core/errors.ts';
import { run, type RunAs } from '../process/run.ts';
import { prepareBinaries, type PostgresBinaries } from './embedded/binaries.ts';

/** Where Debian, PGDG and Homebrew keep one directory per major version. */
const ROOTS = [
  ['/usr/lib/postgresql', (major: string) => [major, 'bin']],
  ['/usr', (major: string) => [`pgsql-${major}`, 'bin']],
  ['/opt/homebrew/opt', (major: string) => [`postgresql@${major}`, 'bin']],
] as const;

/**
 * A client tool of Postgres at a version that can talk to a server of `major`: the same or the nearest newer one.
 *
 * @returns its path, and its own major
 * @throws VectabaseError PRECONDITION_FAILED with the package to install
 */
export async function findTool(name: string, major: number): Promise<{ path: string; major: number }> {
  for (const { directory, major: has } of await installed()) {
    const file = path.join(directory, name);
    if (has >= major && (await isProgram(file))) return { path: file, major: has };
  }
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: `${name} of Postgres ${major} or newer is not on this machine`,
    hint: `Install it: apt-get install postgresql-client-${major}`,
    details: { tool: name, major },
  });
}

/**
 * Programs that run a cluster of this major: the system's own or the packaged ones.
 *
 * @param prefer which ones to take where both are there
 * @throws VectabaseError POSTGRES_BINARIES_MISSING with the package to install
 */
export async function serverBinaries(options: {
  major: number;
  runAs: RunAs | undefined;
  prefer: 'system' | 'packaged';
}): Promise<PostgresBinaries> {
  const { major, runAs, prefer } = options;
  const ways = [async () => systemServer(major, runAs), async () => packagedServer(major, runAs)];
  for (const find of prefer === 'system' ? ways : ways.toReversed()) {
    const found = await find();
    if (found) return found;
  }
  throw new VectabaseError('POSTGRES_BINARIES_MISSING', {
    message: `the server programs of Postgres ${major} are not on this machine`,
    hint: `Install them: apt-get install postgresql-${major}`,
    details: { major },
  });
}

async function systemServer(major: number, runAs: RunAs | undefined): Promise<PostgresBinaries | undefined> {
  for (const { directory, major: has } of await installed()) {
    const postgres = path.join(directory, 'postgres');
    if (has !== major || !(await isProgram(postgres))) continue;
    const { stdout } = await run([postgres, '--version'], { runAs });
    const version = /(\d+\.\d+)/.exec(stdout)?.[1];
    if (version !== undefined) return { postgres, initdb: path.join(directory, 'initdb'), version };
  }
  return undefined;
}

async function packagedServer(major: number, runAs: RunAs | undefined): Promise<PostgresBinaries | undefined> {
  const packaged = await prepareBinaries({ runAs }).catch(() => undefined);
  return packaged?.version.startsWith(`${major}.`) === true ? packaged : undefined;
}

/** Ascending by major, so that the nearest one is met first. */
async function installed(): Promise<Array<{ directory: string; major: number }>> {
  const found = await Promise.all(
    ROOTS.map(async ([root, below]) => {
      const names = await readdir(root).catch(() => []);
      const majors = names.map((name) => /(\d+)$/.exec(name)?.[1]).filter((major) => major !== undefined);
      return majors.map((major) => ({ directory: path.join(root, ...below(major)), major: Number(major) }));
    }),
  );
  return found.flat().toSorted((one, two) => one.major - two.major);
}

async function isProgram(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
