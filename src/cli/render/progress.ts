import type { Observation } from '../../foundation/core/observe.ts';
import { formatBytes, formatCount, formatDuration } from './units.ts';
import { figuresOf, nameOf, nameOfThing } from './words.ts';

/** What a group of events looks like at one moment: a headline, and below it what is under way or went wrong. */
export interface GroupView {
  readonly name: string;
  readonly state: 'busy' | 'idle' | 'failed';
  readonly headline: string;
  readonly details: readonly string[];
}

/** Lines below one headline: a terminal has about 24 in all. */
const MAX_DETAILS = 6;
const MAX_DONE = 8;
/** Rates are taken over so long: shorter jumps with every chunk, longer hides that the link got slow. */
const RATE_WINDOW_MS = 10_000;

/**
 * Turns observations into a picture of the work, knowing no domain: `<domain>.<thing>` is a line, ids that are under
 * way are shown below it, finished ones by name while they are few, and then as a count.
 */
export class Progress {
  readonly #groups = new Map<string, Group>();

  apply(observation: Observation, now: number): void {
    const { group: name, phase } = nameOf(observation.event);
    let group = this.#groups.get(name);
    if (group === undefined) this.#groups.set(name, (group = newGroup()));
    // Parts of one table carry its id and a `part`.
    const key = `${observation.id}\0${String(observation['part'] ?? '')}`;
    switch (phase) {
      case 'started':
        group.active.set(key, observation);
        break;
      case 'progress':
        advance(group, key, observation);
        break;
      case 'finished':
        group.active.delete(key);
        group.loose = undefined;
        group.finished += 1;
        if (group.done.length <= MAX_DONE) group.done.push(observation);
        group.rows += observation.rows ?? 0;
        group.bytes += observation.bytes ?? 0;
        break;
      case 'failed':
        group.active.delete(key);
        group.failures.push(observation);
        break;
      case 'noted':
        group.notes.push(observation);
        break;
    }
    sample(group, now);
  }

  views(now: number): GroupView[] {
    return [...this.#groups].map(([name, group]) => view(name, group, now));
  }
}

interface Group {
  readonly active: Map<string, Observation>;
  /** The last progress about something that never started by name. */
  loose: Observation | undefined;
  finished: number;
  /** The first of them: a handful of steps is worth its names, a hundred tables are a number. */
  readonly done: Observation[];
  rows: number;
  /** Of what is finished. */
  bytes: number;
  readonly failures: Observation[];
  readonly notes: Observation[];
  samples: Array<{ readonly at: number; readonly bytes: number }>;
}

function newGroup(): Group {
  return {
    active: new Map(),
    loose: undefined,
    finished: 0,
    done: [],
    rows: 0,
    bytes: 0,
    failures: [],
    notes: [],
    samples: [],
  };
}

function advance(group: Group, key: string, observation: Observation): void {
  const started = group.active.get(key);
  if (started === undefined) group.loose = observation;
  else group.active.set(key, { ...started, ...observation });
}

function movedBytes(group: Group): number {
  const underWay = [...group.active.values(), ...(group.loose ? [group.loose] : [])];
  return underWay.reduce((sum, { bytes }) => sum + (bytes ?? 0), group.bytes);
}

/** Four samples a second are plenty, and keep the list short however many events come. */
function sample(group: Group, now: number): void {
  const last = group.samples.at(-1);
  if (last !== undefined && now - last.at < 250) return;
  group.samples = [
    ...group.samples.filter(({ at }) => now - at <= RATE_WINDOW_MS),
    { at: now, bytes: movedBytes(group) },
  ];
}

/** Bytes per second over the window. */
function rateOf(group: Group, now: number): number {
  const first = group.samples.find(({ at }) => now - at <= RATE_WINDOW_MS);
  if (first === undefined || now - first.at < 500) return 0;
  return Math.max(0, ((movedBytes(group) - first.bytes) / (now - first.at)) * 1000);
}

function view(name: string, group: Group, now: number): GroupView {
  const { active, loose, finished, failures, notes } = group;
  const underWay = [...active.values(), ...(loose ? [loose] : [])];
  const rate = underWay.length > 0 ? rateOf(group, now) : 0;
  const rows = underWay.reduce((sum, each) => sum + (each.rows ?? 0), group.rows);
  const bytes = movedBytes(group);
  const counts = [
    finished > 0 ? `${formatCount(finished)} done` : '',
    active.size > 0 ? `${active.size} under way` : '',
    failures.length > 0 ? `${failures.length} failed` : '',
    notes.length > 0 ? `${notes.length} noted` : '',
    rows > 0 ? `${formatCount(rows)} rows` : '',
    bytes > 0 && loose === undefined ? formatBytes(bytes) : '',
    rate > 0 ? `${formatBytes(rate)}/s` : '',
  ];
  const share = rate / Math.max(1, underWay.length);
  const shown = underWay.slice(0, MAX_DETAILS).map((each) => describe(each, share, underWay));
  const hidden = underWay.length - shown.length;
  return {
    name,
    state: failures.length > 0 ? 'failed' : active.size > 0 ? 'busy' : 'idle',
    headline: [name.replace('.', ' '), counts.filter((part) => part !== '').join(' · ')].join('  ').trimEnd(),
    details: [
      ...(group.done.length <= MAX_DONE
        ? group.done.map((each) => `✔ ${nameOfThing(each)}  ${figuresOf(each)}`.trimEnd())
        : []),
      ...failures.slice(-2).map((each) => `failed: ${nameOfThing(each)} ${figuresOf(each)}`.trimEnd()),
      ...notes.slice(-1).map((each) => `${each.id} ${figuresOf(each)}`.trimEnd()),
      ...shown,
      ...(hidden > 0 ? [`and ${hidden} more`] : []),
    ],
  };
}

/** `public.sales  31%  3.1 MB of 10 MB  0.4 s left`; the rate is this id's share of the group's. */
function describe(observation: Observation, rate: number, all: readonly Observation[]): string {
  const { id, rows, totalRows, bytes, totalBytes, part } = observation;
  const alone = all.every((each) => each === observation || each.id !== id);
  const [done, total] = totalBytes ? [bytes ?? 0, totalBytes] : [rows ?? 0, totalRows ?? 0];
  const left = totalBytes === undefined || rate === 0 ? 0 : ((totalBytes - (bytes ?? 0)) / rate) * 1000;
  return [
    alone || part === undefined ? nameOfThing(observation) : `${id} (${String(part)})`,
    observation['of'] === undefined ? '' : `${String(observation['step'])} of ${String(observation['of'])}`,
    total > 0 ? `${Math.min(100, Math.floor((done / total) * 100))}%` : '',
    bytes === undefined ? '' : `${formatBytes(bytes)}${totalBytes ? ` of ${formatBytes(totalBytes)}` : ''}`,
    rows === undefined ? '' : `${formatCount(rows)}${totalRows ? ` of ${formatCount(totalRows)}` : ''} rows`,
    left > 0 ? `${formatDuration(left)} left` : '',
  ]
    .filter((text) => text !== '')
    .join('  ');
}
