import { messageOf } from '../../foundation/core/errors.ts';
import type { About, AnyCheck, Check, Verdict } from './check.ts';
import type { FactName, Facts } from './facts.ts';

/** How each fact is found here. A fact that is left out is not asked for, and its checks are not part of the report. */
export type Looks = { readonly [F in FactName]?: (signal: AbortSignal) => Promise<Facts[F]> };

export interface Finding {
  readonly id: string;
  readonly title: string;
  /** `unknown`: the fact could not be found out, which is no good sign. */
  readonly level: Verdict['level'] | 'unknown';
  readonly evidence: string;
  /** The command that mends it; null when there is nothing to mend. */
  readonly fix: string | null;
}

export interface Examination {
  readonly version: 1;
  readonly kind: About['kind'];
  /** ISO 8601. */
  readonly at: string;
  readonly findings: readonly Finding[];
  readonly counts: Readonly<Record<Finding['level'], number>>;
  /** Anything `fail` or `unknown`. */
  readonly healthy: boolean;
  readonly ms: number;
}

/** Milliseconds that one fact may take. apt and systemd-analyze need some seconds on a small machine. */
const PATIENCE = 20_000;

/** Looks for all facts at once, each with a limit of its own, and asks every check. Changes nothing. */
export async function examine(
  checks: readonly AnyCheck[],
  looks: Looks,
  about: About,
  patience = PATIENCE,
): Promise<Examination> {
  const began = performance.now();
  const names = Object.keys(looks) as FactName[];
  const found = new Map(
    await Promise.all(names.map(async (name) => [name, await attempt(looks[name], patience)] as const)),
  );
  const findings = checks
    .filter(({ only }) => only === undefined || only === about.kind)
    .flatMap((check) => {
      const attempted = found.get(check.fact);
      return attempted === undefined ? [] : [findingOf(check, attempted, about)];
    });
  const counts = { ok: 0, warn: 0, fail: 0, unknown: 0 };
  for (const { level } of findings) counts[level] += 1;
  return {
    version: 1,
    kind: about.kind,
    at: new Date(about.now).toISOString(),
    findings,
    counts,
    healthy: counts.fail + counts.unknown === 0,
    ms: Math.round(performance.now() - began),
  };
}

type Attempt = { readonly fact: Facts[FactName] } | { readonly reason: string };

/** One that hangs is left to itself when its time is up: the report does not wait for a dead disk or a silent server. */
async function attempt(
  look: ((signal: AbortSignal) => Promise<Facts[FactName]>) | undefined,
  patience: number,
): Promise<Attempt> {
  const limit = AbortSignal.timeout(patience);
  const late = new Promise<never>((_, reject) =>
    limit.addEventListener('abort', () => reject(new Error(`no answer in ${patience / 1000} s`)), { once: true }),
  );
  late.catch(() => undefined);
  try {
    if (look === undefined) throw new Error('nobody can look here');
    return { fact: await Promise.race([look(limit), late]) };
  } catch (error) {
    return { reason: messageOf(error) };
  }
}

function findingOf(check: Check, attempted: Attempt, about: About): Finding {
  const { id, title } = check;
  if ('reason' in attempted)
    return { id, title, level: 'unknown', evidence: attempted.reason, fix: remedy(check.fact, about) };
  const verdict = check.judge(attempted.fact, about);
  return {
    id,
    title,
    level: verdict.level,
    evidence: verdict.evidence,
    fix: verdict.level === 'ok' ? null : verdict.fix,
  };
}

/** What makes a fact known that is not. */
function remedy(fact: FactName, { kind, where, major }: About): string {
  if (kind === 'up') return `vectabase up${where}`;
  return fact === 'database'
    ? `systemctl restart postgresql@${major}-vectabase.service`
    : `sudo vectabase doctor${where}`;
}
