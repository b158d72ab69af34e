/**
 * Core speaks in typed observations; shells decide how they sound.
 *
 * Each domain exports a closed union of its own events. Every member follows one naming rule, so that a
 * renderer which knows no domain can still show progress:
 *
 *   `<domain>.<thing>.<started|progress|finished|failed|noted>` with `id` naming the thing.
 *
 * Fields are ids, counts, bytes and milliseconds: never prose for people, never secrets, never row data.
 */
export type Phase = 'started' | 'progress' | 'finished' | 'failed' | 'noted';

export interface Observation {
  readonly event: `${string}.${string}.${Phase}`;
  /** What the event is about: a table, a step, a check. */
  readonly id: string;
  readonly rows?: number;
  readonly totalRows?: number;
  readonly bytes?: number;
  readonly totalBytes?: number;
  readonly ms?: number;
  readonly code?: string;
  readonly [field: string]: string | number | boolean | null | undefined | readonly string[];
}

export type Observe<O extends Observation = Observation> = (observation: O) => void;

/** What every job is handed: where to tell, when to stop, what time it is. */
export interface JobContext<O extends Observation = Observation> {
  readonly observe: Observe<O>;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
