import type { Machine } from '../step.ts';

export interface UnitState {
  readonly exists: boolean;
  /** `enabled`, `disabled`, `static`, `masked`, …; empty when there is no such unit. */
  readonly enabled: string;
  readonly active: boolean;
  readonly failed: boolean;
  /** Its files on disk are newer than what systemd has read. */
  readonly needsReload: boolean;
  /** Milliseconds since the epoch; 0 when it never ran. */
  readonly activeSince: number;
  /** The last time that it was started, stopped or reloaded. */
  readonly changedAt: number;
}

export const UNIT_PROPERTIES =
  'LoadState,UnitFileState,ActiveState,NeedDaemonReload,ActiveEnterTimestamp,StateChangeTimestamp';

export async function showUnit(machine: Machine, unit: string): Promise<UnitState> {
  const { stdout } = await machine.ask([
    'systemctl',
    'show',
    '--timestamp=us+utc',
    `--property=${UNIT_PROPERTIES}`,
    unit,
  ]);
  return parseUnitState(stdout);
}

/** Reads `NAME=value` lines of `systemctl show --timestamp=us+utc`. */
export function parseUnitState(text: string): UnitState {
  const fields = new Map(
    text.split('\n').map((line): [string, string] => {
      const equals = line.indexOf('=');
      return [line.slice(0, equals), line.slice(equals + 1)];
    }),
  );
  const field = (name: string): string => fields.get(name) ?? '';
  return {
    exists: !['not-found', ''].includes(field('LoadState')),
    enabled: field('UnitFileState'),
    active: ['active', 'reloading', 'refreshing'].includes(field('ActiveState')),
    failed: field('ActiveState') === 'failed',
    needsReload: field('NeedDaemonReload') === 'yes',
    activeSince: timeOf(field('ActiveEnterTimestamp')),
    changedAt: timeOf(field('StateChangeTimestamp')),
  };
}

/** `Mon 2026-11-23 10:00:00.123456 UTC` */
function timeOf(text: string): number {
  const [, date, time] = text.split(' ');
  const parsed = Date.parse(`${date ?? ''}T${time ?? ''}Z`);
  return Number.isNaN(parsed) ? 0 : parsed;
}
