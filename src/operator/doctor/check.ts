import type { DatabaseFacts, FactName, Facts } from './facts.ts';

/** What a check says: as it should be, worth a look, broken. What is not ok ends in the one command that mends it. */
export type Verdict =
  | { readonly level: 'ok'; readonly evidence: string }
  | { readonly level: 'warn' | 'fail'; readonly evidence: string; readonly fix: string };

/** What checks may know besides their fact. */
export interface About {
  /** A development installation of `vectabase up`, or an installed machine. */
  readonly kind: 'up' | 'machine';
  /** ` --dir X`, for commands that come back to this installation; empty where they find it by themselves. */
  readonly where: string;
  /** `17` */
  readonly major: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** One question about an installation, answered from one fact. Knows nothing of how the fact was found. */
export interface Check<F extends FactName = FactName> {
  /** `database.checksums`: stable, for scripts. */
  readonly id: string;
  /** Lower case: what holds when all is well. */
  readonly title: string;
  readonly fact: F;
  /** Only asked there; left out, everywhere. */
  readonly only?: About['kind'];
  judge(fact: Facts[F], about: About): Verdict;
}

/** A check whose fact is of some kind: what a list of them holds. */
export type AnyCheck = { [F in FactName]: Check<F> }[FactName];

export function ok(evidence: string): Verdict {
  return { level: 'ok', evidence };
}

export function warn(evidence: string, fix: string): Verdict {
  return { level: 'warn', evidence, fix };
}

export function fail(evidence: string, fix: string): Verdict {
  return { level: 'fail', evidence, fix };
}

/** `a, b, c and 4 more` */
export function some(names: readonly string[], most = 3): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** A setting of Postgres as it is in force; empty when it was not asked for. */
export function setting({ settings }: DatabaseFacts, name: string): string {
  return settings.find((each) => each.name === name)?.setting ?? '';
}

/** The command that runs a statement as the superuser. */
export function psql(statement: string, where: string): string {
  return `vectabase db psql --superuser${where} -- -c "${statement.replaceAll('"', '\\"')}"`;
}
