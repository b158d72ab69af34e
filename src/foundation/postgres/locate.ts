import { readFile } from 'node:fs/promises';
import { environment } from '../config/environment.ts';
import { VectabaseError } from '../core/errors.ts';
import { parseDatabaseUrl, type DatabaseAddress } from './address.ts';
import { readRunningInstallation } from './installation.ts';

/**
 * The database that a command works on: the one that `--target-file` or VECTABASE_TARGET_URL names, else the running
 * installation in `dir`, as its superuser.
 *
 * @throws VectabaseError INSTALLATION_MISSING, CONNECTION_STRING_INVALID, USAGE
 */
export async function locateTarget(dir: string, targetFile: string | undefined): Promise<DatabaseAddress> {
  return (await resolveForeignTarget(targetFile)) ?? (await readRunningInstallation(dir)).adminAddress;
}

/** A target that is not the installation in `--dir`; undefined for the installation. */
export async function resolveForeignTarget(targetFile: string | undefined): Promise<DatabaseAddress | undefined> {
  const url = (await readUrlFile(targetFile, '--target-file')) ?? environment()['VECTABASE_TARGET_URL'];
  return url === undefined || url.trim() === '' ? undefined : parseDatabaseUrl(url, 'the target connection string');
}

/** A file that holds a connection string. @throws VectabaseError USAGE when it cannot be read */
export async function readUrlFile(file: string | undefined, flag: string): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new VectabaseError('USAGE', {
      message: `${flag}: the file cannot be read`,
      hint: 'Write the connection string into it, on one line.',
      cause,
    });
  }
}
