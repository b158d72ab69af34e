import { constants, existsSync } from 'node:fs';
import { access, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { childEnvironment } from '../../foundation/config/child-environment.ts';
import { environment } from '../../foundation/config/environment.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import type { ChildExit } from '../../foundation/process/child.ts';
import { runForeground } from '../../foundation/process/foreground.ts';

/**
 * Runs psql in our place. The password travels in its environment, which only the same user and root can read.
 *
 * @throws VectabaseError PRECONDITION_FAILED where there is no psql
 */
export async function runPsql(target: DatabaseAddress, words: readonly string[], psql?: string): Promise<ChildExit> {
  const program = psql ?? (await findPsql());
  const { rootCertificate } = target;
  if (rootCertificate === undefined) return runForeground([program, ...words], { env: psqlEnvironment(target) });
  const directory = await mkdtemp(path.join(tmpdir(), 'vectabase-psql-'));
  try {
    const file = path.join(directory, 'ca.crt');
    await writeFile(file, rootCertificate, { mode: 0o600 });
    return await runForeground([program, ...words], { env: psqlEnvironment(target, file) });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** libpq's variables for an address, and none of those that were there: a PGHOSTADDR or PGSERVICE would lead elsewhere. */
export function psqlEnvironment(target: DatabaseAddress, rootCertificateFile?: string): Record<string, string> {
  const kept = Object.entries(childEnvironment()).filter(([name]) => !name.startsWith('PG'));
  return {
    ...Object.fromEntries(kept),
    PGHOST: target.host,
    PGPORT: String(target.port),
    PGUSER: target.user,
    PGDATABASE: target.database,
    PGSSLMODE: target.sslMode,
    PGAPPNAME: 'vectabase db psql',
    ...(target.password !== undefined && { PGPASSWORD: target.password }),
    ...(rootCertificateFile !== undefined && { PGSSLROOTCERT: rootCertificateFile }),
  };
}

/** The newest of Debian's, by their own paths: /usr/bin/psql is a wrapper there that looks for clusters. Then the PATH's. */
export async function findPsql(root = '/usr/lib/postgresql', pathVariable = environment().PATH): Promise<string> {
  const majors = (await readdir(root).catch(() => [])).filter((name) => /^\d+$/.test(name));
  const candidates = [
    ...majors.toSorted((a, b) => Number(b) - Number(a)).map((major) => path.join(root, major, 'bin', 'psql')),
    ...(pathVariable ?? '').split(path.delimiter).map((directory) => path.join(directory, 'psql')),
  ];
  for (const candidate of candidates) if (await isExecutable(candidate)) return candidate;
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: 'there is no psql on this machine',
    hint: `Install it: ${existsSync('/usr/bin/apt-get') ? 'apt-get install postgresql-client' : 'the client package of Postgres'}`,
  });
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
