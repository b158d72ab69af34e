import { readFileSync, realpathSync } from 'node:fs';
import { chmod, copyFile, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { INSTALLED } from '../../../../foundation/config/directory.ts';
import { assetPath } from '../../../../foundation/core/assets.ts';
import { syncDirectory } from '../../../../foundation/core/durable-file.ts';
import { VectabaseError } from '../../../../foundation/core/errors.ts';
import { fileStep } from '../kinds/file.ts';
import { stateOf } from '../kinds/file-state.ts';
import type { Change, Machine, Step } from '../step.ts';
import { copyRelease } from './copy-release.ts';
import { digestOf, filesBelow, releaseFiles, type ReleaseFile } from './release-files.ts';

/** Our own package on the machine, and the command that runs it. */
export function packageSteps(): readonly Step[] {
  return [
    releaseStep(),
    fileStep({
      id: 'package.command',
      title: 'the vectabase command',
      files: [{ path: INSTALLED.command, content: LAUNCHER, mode: 0o755 }],
    }),
  ];
}

/** Not a link to the script: its `#!/usr/bin/env node` would take whatever Node the caller's PATH has. */
const LAUNCHER = `#!/bin/sh
exec ${INSTALLED.node} ${INSTALLED.current}/bin/run.js "$@"
`;

/**
 * A copy of the package that runs this, under a name that tells its content, and a link that says which one counts: the
 * servers must not depend on a clone in somebody's home. Earlier releases stay, to go back to.
 */
function releaseStep(): Step {
  return {
    id: 'package.release',
    title: 'this release of Vectabase',
    async detect(machine) {
      return changesOf(await wantedRelease(machine));
    },
    async apply(machine, record) {
      const wanted = await wantedRelease(machine);
      await record({ kind: 'release', target: wanted.directory, digest: wanted.digest });
      if (!(await isWhole(wanted))) await copyRelease(wanted.directory, wanted.files);
      if (wanted.node === OWN_NODE) await copyNode();
      await linkTo(path.join(wanted.directory, 'node'), wanted.node);
      await linkTo(INSTALLED.current, wanted.directory);
    },
    async undo() {
      await rm(path.dirname(INSTALLED.releases), { recursive: true, force: true });
    },
  };
}

interface Release {
  readonly directory: string;
  readonly digest: string;
  readonly files: readonly ReleaseFile[];
  /** What `node` in it leads to. */
  readonly node: string;
}

async function wantedRelease(machine: Machine): Promise<Release> {
  const root = realpathSync(assetPath());
  const files = await releaseFiles(root);
  const digest = await digestOf(files);
  const { version } = JSON.parse(readFileSync(assetPath('package.json'), 'utf8')) as { version: string };
  const directory = path.join(INSTALLED.releases, `${version}-${digest.slice(0, 8)}`);
  if (isRelease(root) && root !== directory) throw changedRelease(root);
  return { directory, digest, files, node: await nodeFor(machine) };
}

const isRelease = (root: string): boolean => path.dirname(root) === INSTALLED.releases;

/** Nothing here knows what it was, and copied it would count as a release of its own. */
function changedRelease(root: string): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: `files below ${root} are not those of the release any more`,
    hint: 'Run install from a fresh copy of the package: node COPY/bin/run.js install',
    details: { release: root },
  });
}

async function changesOf(wanted: Release): Promise<Change[]> {
  const { directory, node } = wanted;
  if ((await stateOf(directory)).is === 'absent') return [{ action: 'create', target: directory }];
  const changes: Change[] = [];
  if (!(await isWhole(wanted)))
    changes.push({ action: 'change', target: directory, foreign: true, note: 'differs from the package that runs' });
  const links = [
    [path.join(directory, 'node'), node],
    [INSTALLED.current, directory],
  ] as const;
  for (const [link, to] of links) {
    if (!(await leadsTo(link, to))) changes.push({ action: 'change', target: link, note: `should lead to ${to}` });
  }
  return changes;
}

async function isWhole({ directory, digest }: Release): Promise<boolean> {
  if (realpathSync(assetPath()) === directory) return true; // the digest was taken of itself
  if ((await stateOf(directory)).is !== 'directory') return false;
  const files = await filesBelow(directory, '', { nested: true });
  return (await digestOf(files)) === digest;
}

/** The distribution's, which gets its security updates, when it is new enough; else the one that runs this. */
async function nodeFor(machine: Machine): Promise<string> {
  const { stdout } = await machine.ask([SYSTEM_NODE, '--version']);
  const [major = 0, minor = 0] = stdout.trim().slice(1).split('.').map(Number);
  return major > 20 || (major === 20 && minor >= 19) ? SYSTEM_NODE : OWN_NODE;
}

const SYSTEM_NODE = '/usr/bin/node';
const OWN_NODE = `/opt/vectabase/node-${process.version}`;

async function copyNode(): Promise<void> {
  if ((await stateOf(OWN_NODE)).is === 'file') return;
  await copyFile(process.execPath, `${OWN_NODE}.new`);
  await chmod(`${OWN_NODE}.new`, 0o755);
  await rename(`${OWN_NODE}.new`, OWN_NODE);
}

async function leadsTo(link: string, to: string): Promise<boolean> {
  const state = await stateOf(link);
  return state.is === 'link' && state.to === to;
}

/** In one piece: whoever looks meets the old one or the new one. */
async function linkTo(link: string, to: string): Promise<void> {
  if (await leadsTo(link, to)) return;
  const fresh = `${link}.new`;
  await rm(fresh, { force: true });
  await symlink(to, fresh);
  await rename(fresh, link);
  await syncDirectory(path.dirname(link));
}
