import { setTimeout as sleep } from 'node:timers/promises';
import { VectabaseError } from '../../../../foundation/core/errors.ts';
import type { Change, Machine, ProgramAnswer, Recorder, Step } from '../step.ts';
import { undoRecords } from './undo-records.ts';

interface PackagesSpec {
  readonly id: string;
  readonly title: string;
  readonly packages: readonly string[] | ((machine: Machine) => readonly string[]);
  /**
   * Units that Debian would start with a configuration that is not ours. They are masked until the step of the unit
   * takes them over.
   */
  readonly holdBack?: readonly string[];
}

/** Minutes a first-boot upgrade may hold dpkg's lock. */
const LOCK_SECONDS = 300;
const INSTALL_TIMEOUT = 1_800_000;

/** Nobody is there to answer; a configuration file that the owner changed stays as it is. */
export const APT_ENVIRONMENT = {
  DEBIAN_FRONTEND: 'noninteractive',
  NEEDRESTART_SUSPEND: '1',
  UCF_FORCE_CONFFOLD: '1',
  APT_LISTCHANGES_FRONTEND: 'none',
} as const;

const APT = [
  'apt-get',
  '--quiet',
  '--yes',
  '--no-install-recommends',
  '-o',
  `DPkg::Lock::Timeout=${LOCK_SECONDS}`,
  '-o',
  'Dpkg::Options::=--force-confold',
  '-o',
  'Dpkg::Options::=--force-confdef',
] as const;

/** Installs packages of the distribution, and notes which others came with them. Their version is not ours to choose. */
export function packagesStep(spec: PackagesSpec): Step {
  const { id, title, holdBack = [] } = spec;
  const wanted = (machine: Machine) => (typeof spec.packages === 'function' ? spec.packages(machine) : spec.packages);
  return {
    id,
    title,
    async detect(machine) {
      const missing = await missingOf(machine, wanted(machine));
      return missing.map((target): Change => ({ action: 'create', target, note: 'package' }));
    },
    async apply(machine, record) {
      const missing = await missingOf(machine, wanted(machine));
      if (missing.length === 0) return;
      await finishEarlier(machine);
      const news = await simulated(machine, missing);
      for (const target of news) await record({ kind: 'package', target });
      for (const unit of holdBack) await mask(machine, unit, record);
      const options = { env: APT_ENVIRONMENT, timeout: INSTALL_TIMEOUT };
      await machine.run([...APT, 'install', ...missing], options);
    },
    undo: undoRecords,
  };
}

/** Those of the names that are not installed and configured. */
export async function missingOf(machine: Machine, names: readonly string[]): Promise<string[]> {
  const { stdout } = await machine.ask([
    'dpkg-query',
    '--show',
    '--showformat=${Package} ${db:Status-Status}\\n',
    ...names,
  ]);
  const there = new Set(
    stdout.split('\n').flatMap((line) => (line.endsWith(' installed') ? [line.split(' ')[0]] : [])),
  );
  return names.filter((name) => !there.has(name));
}

/** What apt would newly install, dependencies included. The lists are fetched when they do not know a name. */
async function simulated(machine: Machine, names: readonly string[]): Promise<string[]> {
  const look = async () => machine.ask([...APT, '--simulate', 'install', ...names], { env: APT_ENVIRONMENT });
  let answer = await look();
  let update: ProgramAnswer | undefined;
  if (answer.exitCode !== 0) {
    update = await machine.ask(['apt-get', '--quiet', '-o', `DPkg::Lock::Timeout=${LOCK_SECONDS}`, 'update'], {
      timeout: INSTALL_TIMEOUT,
    });
    answer = await look();
  }
  if (answer.exitCode !== 0) throw unavailable(names, answer, update);
  return [...answer.stdout.matchAll(/^Inst (\S+) \(/gm)].flatMap(([, name]) => (name === undefined ? [] : [name]));
}

function unavailable(
  names: readonly string[],
  answer: ProgramAnswer,
  update: ProgramAnswer | undefined,
): VectabaseError {
  const said = [...new Set(`${update?.stderr ?? ''}\n${answer.stderr}`.match(/^[EW]: .*$/gm) ?? [])];
  return new VectabaseError('PACKAGES_UNAVAILABLE', {
    message: `apt cannot install ${names.join(', ')}: ${said.at(-1)?.slice(3) ?? 'without a word'}`,
    hint: 'See that this machine reaches its package mirror (apt-get update tells), then run vectabase install again.',
    details: { packages: names, apt: said.slice(0, 10) },
  });
}

/** A run that was killed may have left dpkg in the middle, or its apt may still be at work. */
async function finishEarlier(machine: Machine): Promise<void> {
  const deadline = Date.now() + LOCK_SECONDS * 1000;
  for (;;) {
    const { exitCode, stderr } = await machine.ask(['dpkg', '--force-confold', '--configure', '--pending'], {
      env: APT_ENVIRONMENT,
      timeout: INSTALL_TIMEOUT,
    });
    if (exitCode === 0) return;
    if (!/lock/.test(stderr) || Date.now() > deadline) {
      throw new VectabaseError('PROGRAM_FAILED', {
        message: `dpkg cannot finish what was begun: ${stderr.trim().split('\n').at(-1) ?? ''}`,
        hint: 'Run dpkg --configure -a, correct what it names, then run vectabase install again.',
        details: { program: 'dpkg', output: stderr.slice(-2000) },
      });
    }
    await sleep(1000, undefined, { signal: machine.context.signal });
  }
}

async function mask(machine: Machine, unit: string, record: Recorder): Promise<void> {
  const { stdout } = await machine.ask(['systemctl', 'show', '--property=LoadState', '--value', unit]);
  if (stdout.trim() !== 'not-found') return; // there before us: whoever set it up keeps it
  await record({ kind: 'mask', target: unit });
  await machine.run(['systemctl', 'mask', unit]);
}
