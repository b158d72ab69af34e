import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import { run } from '../../../foundation/process/run.ts';

export interface Staged {
  /** Root of a package that can run. */
  readonly root: string;
  /** Removes what was unpacked. */
  remove(): Promise<void>;
}

/**
 * Makes a package runnable: a directory as it is, a tarball unpacked, a name fetched by npm. Scripts of packages do not
 * run: whoever publishes one of them would be root here.
 *
 * @param source a directory, `vectabase-1.2.0.tgz`, `vectabase@1.2.0`
 * @param sha256 what a tarball must have; hexadecimal
 * @throws VectabaseError USAGE, PRECONDITION_FAILED, UPGRADE_FETCH_FAILED
 */
export async function stagePackage(source: string, sha256: string | undefined): Promise<Staged> {
  const found = await stat(source).catch(() => undefined);
  if (sha256 !== undefined && found?.isFile() !== true) throw notATarball(source);
  if (found?.isDirectory()) return { root: runnable(path.resolve(source)), remove: async () => undefined };
  if (found === undefined && !/^(@[\w.-]+\/)?[\w.-]+(@[\w.^~-]+)?$/.test(source)) throw noSuch(source);
  const place = await mkdtemp(path.join(tmpdir(), 'vectabase-upgrade-'));
  const remove = async (): Promise<void> => rm(place, { recursive: true, force: true });
  try {
    if (found?.isFile()) {
      await assertDigest(source, sha256);
      const whole = await unpack(path.resolve(source), place);
      if (whole !== undefined) return { root: runnable(whole), remove };
    }
    return { root: runnable(await npmInstall(found === undefined ? source : path.resolve(source), place)), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function assertDigest(file: string, wanted: string | undefined): Promise<void> {
  if (wanted === undefined) return;
  const found = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  if (found === wanted.toLowerCase()) return;
  throw new VectabaseError('UPGRADE_FETCH_FAILED', {
    message: `${file} is not the file that was meant: its SHA-256 is ${found}`,
    hint: 'Fetch it again, and compare with what the release announces.',
    details: { file, found },
  });
}

/** Undefined for a tarball of npm, which comes without the packages that it needs. */
async function unpack(file: string, place: string): Promise<string | undefined> {
  const { exitCode, stderr } = await run(['tar', '-xf', file, '-C', place, '--no-same-owner']);
  if (exitCode !== 0) throw fetchFailed(`${file} cannot be unpacked`, stderr);
  // npm packs below `package`; our own bundle lies flat.
  const roots = [path.join(place, 'package'), place];
  return roots.find((root) => existsSync(path.join(root, 'node_modules')));
}

async function npmInstall(what: string, place: string): Promise<string> {
  const flags = ['--omit=dev', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save'];
  const { exitCode, stderr } = await run(['npm', 'install', ...flags, '--prefix', place, what], { timeout: 600_000 });
  if (exitCode === 0) return path.join(place, 'node_modules', 'vectabase');
  if (exitCode === -1 && /ENOENT/.test(stderr)) {
    throw new VectabaseError('PRECONDITION_FAILED', {
      message: 'there is no npm on this machine to fetch the package with',
      hint: 'Install it (apt-get install npm), or copy the package here and name its directory.',
    });
  }
  throw fetchFailed(`npm could not fetch ${what}`, stderr);
}

function runnable(root: string): string {
  if (existsSync(path.join(root, 'bin', 'run.js')) && existsSync(path.join(root, 'dist', 'cli', 'main.js')))
    return root;
  throw new VectabaseError('USAGE', {
    message: `${root} holds no built package of Vectabase`,
    hint: 'Name the directory of a package, a tarball of one, or vectabase@VERSION. In a clone run npm run build first.',
    details: { root },
  });
}

function fetchFailed(message: string, said: string): VectabaseError {
  return new VectabaseError('UPGRADE_FETCH_FAILED', {
    message: `${message}: ${said.trim().split('\n').at(-1) ?? ''}`,
    hint: 'Nothing was changed. Run the command again once it can be fetched.',
  });
}

function noSuch(source: string): VectabaseError {
  return new VectabaseError('USAGE', {
    message: `there is no ${source}`,
    hint: 'Name a directory, a tarball, or a package as vectabase@1.2.0.',
  });
}

function notATarball(source: string): VectabaseError {
  return new VectabaseError('USAGE', {
    message: `${source} is no file, so it has no SHA-256`,
    hint: 'Give --sha256 with a tarball only.',
  });
}
