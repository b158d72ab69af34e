import type { Observation, Phase } from '../../foundation/core/observe.ts';
import { formatBytes, formatCount, formatDuration } from './units.ts';

/** How an event sounds, where `<thing> <phase>` would be stiff. Anything not listed is said that way. */
const VERBS: Readonly<Record<string, Partial<Record<Phase, string>>>> = {
  'migrate.table': { started: 'copying', progress: 'copying', finished: 'copied', failed: 'could not copy' },
  'migrate.verify': { started: 'verifying', progress: 'verifying', finished: 'verified', failed: 'could not verify' },
  'migrate.step': { started: 'begins', progress: 'goes on', finished: 'done', failed: 'failed' },
  'migrate.phase': { started: 'phase', progress: 'phase', finished: 'end of phase', failed: 'failed in phase' },
  'database.index': { started: 'building', finished: 'done', failed: 'refused' },
  'install.step': { started: 'begins', finished: 'done', failed: 'failed' },
  'install.foreign': { noted: 'was changed by somebody else' },
  'up.step': { started: 'begins', finished: 'done', failed: 'failed' },
  'up.stop': { started: 'stopping', finished: 'stopped' },
};

/** Said in units, or told by the words around them. */
const SPOKEN: ReadonlySet<string> = new Set([
  'event',
  'id',
  'title',
  'rows',
  'totalRows',
  'bytes',
  'totalBytes',
  'ms',
  'step',
  'of',
  'changes',
]);

export interface EventName {
  /** `migrate.table`: events that are told together. */
  readonly group: string;
  readonly phase: Phase;
}

export function nameOf(event: Observation['event']): EventName {
  const dot = event.lastIndexOf('.');
  return { group: event.slice(0, dot), phase: event.slice(dot + 1) as Phase };
}

export function verbOf({ group, phase }: EventName): string {
  return VERBS[group]?.[phase] ?? `${group.split('.')[1] ?? group} ${phase}`;
}

/** What is spoken of: a title for people where there is one. */
export function nameOfThing({ id, title }: Observation): string {
  return typeof title === 'string' ? title : id;
}

/** `1 204 rows 3.1 MB 0.4 s equal=true`: the figures of an observation, then what else it carries. */
export function figuresOf(observation: Observation): string {
  const { rows, totalRows, bytes, totalBytes, ms } = observation;
  // `part` of a table that was not split says nothing new.
  const told = (key: string, value: unknown): boolean =>
    SPOKEN.has(key) ||
    (key === 'changed' && observation['changes'] !== undefined) ||
    (key === 'part' && endsWith(value, observation.id));
  const rest = Object.entries(observation).filter(([key, value]) => value !== undefined && !told(key, value));
  return [
    rows === undefined ? '' : `${ofTotal(rows, totalRows, formatCount)} rows`,
    bytes === undefined ? '' : ofTotal(bytes, totalBytes, formatBytes),
    ms === undefined ? '' : formatDuration(ms),
    observation['of'] === undefined ? '' : `${String(observation['step'])} of ${String(observation['of'])}`,
    ...rest.map(([key, value]) => `${key}=${Array.isArray(value) ? value.join(',') : String(value)}`),
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function ofTotal(value: number, total: number | undefined, format: (value: number) => string): string {
  return total === undefined || total <= value ? format(value) : `${format(value)} of ${format(total)}`;
}

function endsWith(value: unknown, id: string): boolean {
  return typeof value === 'string' && value.endsWith(id);
}
