import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DatabaseAddress } from './address.ts';

/** What pg_dump and its kin find a server by. */
export interface ToolEnvironment {
  readonly env: Readonly<Record<string, string>>;
  /** Removes the files that it names. */
  remove(): Promise<void>;
}

/**
 * The environment in which libpq's programs reach an address. Passwords and certificates stand in files that only we
 * can read, never in a command line or in the environment itself.
 */
export async function toolEnvironment(address: DatabaseAddress, applicationName: string): Promise<ToolEnvironment> {
  const { host, port, user, password, database, sslMode, rootCertificate } = address;
  const directory = await mkdtemp(path.join(tmpdir(), 'vt-tool-'));
  const at = (name: string): string => path.join(directory, name);
  try {
    if (password !== undefined)
      await writeFile(at('pass'), `*:*:*:*:${password.replaceAll(/[\\:]/g, String.raw`\$&`)}\n`, { mode: 0o600 });
    if (rootCertificate !== undefined) await writeFile(at('root.crt'), rootCertificate, { mode: 0o600 });
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  return {
    env: {
      PGHOST: host,
      PGPORT: String(port),
      PGUSER: user,
      PGDATABASE: database,
      PGSSLMODE: host.startsWith('/') ? 'disable' : sslMode,
      PGAPPNAME: applicationName,
      PGCONNECT_TIMEOUT: '10',
      // Names of what is not there: else libpq reads those of the home directory.
      PGPASSFILE: at('pass'),
      PGSERVICEFILE: at('none'),
      ...(rootCertificate === undefined ? {} : { PGSSLROOTCERT: at('root.crt') }),
    },
    remove: async () => rm(directory, { recursive: true, force: true }),
  };
}
