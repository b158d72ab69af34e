import { lstat } from 'node:fs/promises';
import { VectabaseError } from '../../../../foundation/core/errors.ts';
import type { Change, Machine, Step } from '../step.ts';
import { undoRecords } from './undo-records.ts';
import { showUnit, type UnitState } from './unit-state.ts';

interface UnitSpec {
  readonly id: string;
  readonly title: string;
  /** `vectabase.service`. Its file is a file like others: a `fileStep` before this one. */
  readonly unit: string;
  /** Started at boot; true unless told. */
  readonly enable?: boolean;
  /** Running now; true unless told. */
  readonly start?: boolean;
  /** Restarted when one of these changed after it was started. */
  readonly restartOn?: readonly string[];
  /** Reloaded when one of these changed after it was started or last reloaded. */
  readonly reloadOn?: readonly string[];
}

/** Keeps a unit enabled and running, with what its files say now. */
export function unitStep(spec: UnitSpec): Step {
  const { id, title, unit } = spec;
  return {
    id,
    title,
    async detect(machine) {
      return (await differences(machine, spec)).map(({ change }) => change);
    },
    async apply(machine, record) {
      const found = await differences(machine, spec);
      if (found.length === 0) return;
      const state = await showUnit(machine, unit);
      if (machine.journal.ofStep(id).length === 0) {
        await record({ kind: 'unit', target: unit, enabled: state.enabled, active: state.active });
      }
      for (const { argv } of found)
        await machine.run(argv, { timeout: START_TIMEOUT }).catch(async (error: unknown) => {
          throw await withLog(machine, unit, error);
        });
    },
    undo: undoRecords,
  };
}

/** Recovery of a large database may take this long. */
const START_TIMEOUT = 600_000;

interface Difference {
  readonly change: Change;
  readonly argv: readonly [string, ...string[]];
}

/** In the order in which they are put right. */
async function differences(machine: Machine, spec: UnitSpec): Promise<Difference[]> {
  const { unit, enable = true, start = true, restartOn = [], reloadOn = [] } = spec;
  const state = await showUnit(machine, unit);
  const found: Difference[] = [];
  const add = (note: string, ...argv: [string, ...string[]]): void => {
    found.push({ change: { action: 'run', target: unit, note }, argv: ['systemctl', ...argv] });
  };
  if (state.enabled.startsWith('masked')) add('is masked', 'unmask', ...runtimeFlag(state), unit);
  if (state.needsReload) add('its files changed', 'daemon-reload');
  // A plan comes before the unit itself.
  const isNew = !state.exists;
  if (enable && !state.enabled.startsWith('enabled')) add(isNew ? 'at boot' : 'does not start at boot', 'enable', unit);
  if (!start) return found;
  if (!state.active) add(isNew ? 'now' : 'does not run', 'start', unit);
  else if (state.needsReload || (await changedSince(restartOn, state.activeSince)))
    add('runs with old files', 'restart', unit);
  else if (await changedSince(reloadOn, state.changedAt)) add('runs with old settings', 'reload-or-restart', unit);
  return found;
}

const runtimeFlag = ({ enabled }: UnitState): string[] => (enabled === 'masked-runtime' ? ['--runtime'] : []);

/** By the time of the last change of content, mode or owner: a repaired file counts, and nothing has to be remembered. */
async function changedSince(files: readonly string[], since: number): Promise<boolean> {
  for (const file of files) {
    const stat = await lstat(file).catch(() => undefined);
    if (stat !== undefined && stat.ctimeMs > since) return true;
  }
  return false;
}

async function withLog(machine: Machine, unit: string, error: unknown): Promise<unknown> {
  const { stdout } = await machine.ask([
    'journalctl',
    '--unit',
    unit,
    '--lines',
    '15',
    '--output',
    'cat',
    '--no-pager',
  ]);
  return new VectabaseError('UNIT_FAILED', {
    message: `${unit} does not start: ${stdout.trim().split('\n').at(-1) || 'its log is empty'}`,
    hint: `Read its log: journalctl --unit ${unit}; then run vectabase install again.`,
    details: { unit, log: stdout.trim() },
    cause: error,
  });
}
