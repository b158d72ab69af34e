import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { INSTALLED } from '../../../foundation/config/directory.ts';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import type { JobContext } from '../../../foundation/core/observe.ts';
import { withResources } from '../../../foundation/core/release.ts';
import { lockDirectory } from '../../../foundation/process/directory-lock.ts';
import { isRoot } from '../../../foundation/process/service-user.ts';
import { applySteps, type InstallResult } from './engine.ts';
import { readFacts } from './facts.ts';
import { openJournal, readJournal, removeJournal, type Journal } from './journal.ts';
import { localMachine } from './local-machine.ts';
import { hasRecoveryKey } from './postgres/archive.ts';
import { planInstall, type InstallPlan } from './plan.ts';
import { judge } from './preflight/judge.ts';
import { lookAround } from './preflight/probe.ts';
import type { InstallObservation, InstallSettings, JournalView, Machine } from './step.ts';
import { installSteps } from './steps.ts';
import { undoSteps } from './undo.ts';

type Context = JobContext<InstallObservation>;

/** What `install` would do now. Touches nothing. @throws PRECONDITION_FAILED */
export async function planMachine(settings: InstallSettings, context: Context): Promise<InstallPlan> {
  requireRoot('install');
  const journal = await readJournal(INSTALLED.journal);
  const { notes, listening } = noting(context);
  const machine = await preflight(settings, listening, journal);
  return { ...(await planInstall(installSteps(settings), machine, (step) => journal.isOpen(step))), notes };
}

export interface MachineResult extends InstallResult {
  /** There is a recovery key, without which nothing is backed up. */
  readonly sealsBackups: boolean;
  /** What the owner should know, each a sentence. */
  readonly notes: readonly string[];
}

/** Makes this machine what the settings say. @throws as `applySteps`; LOCK_HELD */
export async function installMachine(settings: InstallSettings, context: Context): Promise<MachineResult> {
  requireRoot('install');
  const { notes, listening } = noting(context);
  await preflight(settings, listening, await readJournal(INSTALLED.journal));
  return withJournal(settings, listening, async (machine, journal) => ({
    ...(await applySteps(installSteps(settings), machine, journal)),
    sealsBackups: hasRecoveryKey(),
    notes,
  }));
}

/** Notes are for the end, where a person reads them, each once: a step that looks twice says them twice. */
function noting(context: Context): { readonly notes: readonly string[]; readonly listening: Context } {
  const notes: string[] = [];
  const observe = (observation: InstallObservation): void => {
    if (observation.event !== 'install.machine.noted') context.observe(observation);
    else if (!notes.includes(observation.note)) notes.push(observation.note);
  };
  return { notes, listening: { ...context, observe } };
}

export interface UninstallResult {
  /** Steps that were taken back, newest first. */
  readonly steps: readonly string[];
  readonly ms: number;
}

/** Brings every touched file back. Data stays, unless it is purged. @throws as `undoSteps`; LOCK_HELD */
export async function uninstallMachine(
  settings: InstallSettings,
  options: { readonly purge: boolean },
  context: Context,
): Promise<UninstallResult> {
  requireRoot('uninstall');
  const startedAt = context.clock.now();
  const steps = await withJournal(settings, context, async (machine, journal) =>
    undoSteps(installSteps(settings), machine, journal, options),
  );
  await removeJournal(INSTALLED.journal);
  // Also what an earlier uninstall left, which no step has on record any more.
  if (options.purge) await Promise.all([INSTALLED.configuration, INSTALLED.state].map(removeAll));
  return { steps, ms: context.clock.now() - startedAt };
}

/** The directory itself stays where it is a mount point. */
async function removeAll(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names) await rm(path.join(directory, name), { recursive: true, force: true });
  await rmdir(directory).catch(() => undefined);
}

/** Before anything is touched: what would fail half-way is refused now. */
async function preflight(settings: InstallSettings, context: Context, journal: JournalView): Promise<Machine> {
  const machine = localMachine({ facts: await readFacts(), settings, context, journal });
  const { refusals, notes } = judge(machine.facts, settings, await lookAround(machine));
  const [first] = refusals;
  if (first !== undefined) throw first;
  for (const note of notes) context.observe({ event: 'install.machine.noted', id: 'preflight', note });
  return machine;
}

async function withJournal<T>(
  settings: InstallSettings,
  context: Context,
  body: (machine: Machine, journal: Journal) => Promise<T>,
): Promise<T> {
  await mkdir(INSTALLED.journal, { recursive: true, mode: 0o700 });
  return withResources(async (scope) => {
    const prefix = path.join(INSTALLED.journal, 'lock');
    scope.add(await lockDirectory(prefix, context.clock.now()), async (lock) => lock.release());
    const journal = scope.add(await openJournal(INSTALLED.journal), async (opened) => opened.close());
    const facts = await readFacts();
    return body(localMachine({ facts, settings, context, journal }), journal);
  });
}

function requireRoot(command: string): void {
  if (isRoot()) return;
  throw new VectabaseError('PRECONDITION_FAILED', {
    message: 'users, packages and units of a machine are set up by root alone',
    hint: `Run: sudo vectabase ${command}`,
  });
}
