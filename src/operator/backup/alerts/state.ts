/** Something that somebody has to see to. */
export interface Condition {
  /** Stable: `backup.base.failed`. One that is raised already is not raised again. */
  readonly key: string;
  readonly severity: 'critical' | 'warning';
  /** One sentence without a full stop. */
  readonly title: string;
  /** The command to run. */
  readonly command: string;
}

/** One message to whoever looks after the machine. */
export interface Letter extends Condition {
  readonly status: 'raised' | 'still' | 'resolved' | 'test';
  /** ISO 8601: when it began. */
  readonly since: string;
}

interface Raised extends Condition {
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly toldAt: number;
  /** Since when it is not seen any more. */
  readonly goneAt?: number;
}

/** By key. Survives as JSON. */
export type AlertState = Readonly<Record<string, Raised>>;

/** Hours between reminders of one that stays. */
const REMIND = 24 * 3_600_000;
/** How long one has to be gone: what comes and goes each minute is one alert. */
const SETTLE = 5 * 60_000;

export interface AlertStep {
  readonly letter: Letter;
  /** What is known once somebody took the letter; until then it is written again. */
  readonly told: (state: AlertState) => AlertState;
}

/**
 * What is to be told now. Each condition is told when it is raised, once a day while it stays, and when it is gone.
 *
 * @returns the letters, and the state that needs nobody to take one
 */
export function alertSteps(
  state: AlertState,
  conditions: readonly Condition[],
  now: number,
): { readonly steps: readonly AlertStep[]; readonly state: AlertState } {
  const present = new Map(conditions.map((condition) => [condition.key, condition]));
  const steps: AlertStep[] = [];
  const next: Record<string, Raised> = {};
  for (const [key, raised] of Object.entries(state)) {
    if (present.has(key)) {
      const { goneAt: _, ...back } = raised;
      next[key] = back;
    } else {
      next[key] = { ...raised, goneAt: raised.goneAt ?? now };
      if (now - (raised.goneAt ?? now) >= SETTLE) steps.push(step(raised, 'resolved', raised.since, without(key)));
    }
  }
  for (const [key, condition] of present) {
    const raised = state[key];
    if (raised !== undefined && now - raised.toldAt < REMIND) continue;
    const since = raised?.since ?? now;
    const told = { ...condition, since, toldAt: now };
    steps.push(step(condition, raised === undefined ? 'raised' : 'still', since, (was) => ({ ...was, [key]: told })));
  }
  return { steps, state: next };
}

function step(
  { key, severity, title, command }: Condition,
  status: Letter['status'],
  since: number,
  told: AlertStep['told'],
): AlertStep {
  return { letter: { key, severity, title, command, status, since: new Date(since).toISOString() }, told };
}

function without(key: string): AlertStep['told'] {
  return (state) => Object.fromEntries(Object.entries(state).filter(([each]) => each !== key));
}
