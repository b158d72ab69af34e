/** A hole of PgBouncer, and the release that closed it. */
interface Hole {
  readonly id: string;
  readonly fixedIn: readonly [major: number, minor: number, patch: number];
  readonly what: string;
}

/** From PgBouncer's NEWS. Below 1.21 there are no prepared statements in transaction mode, which clients need. */
const HOLES: readonly Hole[] = [
  { id: 'CVE-2025-2291', fixedIn: [1, 24, 1], what: 'expired passwords still log in' },
  { id: 'CVE-2025-12819', fixedIn: [1, 25, 1], what: 'a client can run SQL while it logs in' },
  { id: 'CVE-2026-6664', fixedIn: [1, 25, 2], what: 'a packet from anybody crashes it' },
  { id: 'CVE-2026-6665', fixedIn: [1, 25, 2], what: 'a false server can overflow its SCRAM buffer' },
  { id: 'CVE-2026-6666', fixedIn: [1, 25, 2], what: 'an error from a server can crash it' },
  { id: 'CVE-2026-6667', fixedIn: [1, 25, 2], what: 'a command of its console asks for no right' },
];

export interface PgBouncerHoles {
  /** Transaction pooling with prepared statements, since 1.21. */
  readonly pools: boolean;
  readonly holes: ReadonlyArray<Pick<Hole, 'id' | 'what'>>;
}

/**
 * Which holes a PgBouncer has: those of its release, without the ones that its distribution closed.
 *
 * @param version `1.24.1`, or a package's `1.24.1-1+deb13u2`
 * @param changelog of the package: Debian keeps the release and names each hole that it closed there
 */
export function pgbouncerHoles(version: string, changelog = ''): PgBouncerHoles {
  const numbers = /^(\d+)\.(\d+)(?:\.(\d+))?/
    .exec(version)
    ?.slice(1)
    .map((part) => Number(part ?? 0)) ?? [0, 0, 0];
  return {
    pools: isAtLeast(numbers, [1, 21, 0]),
    holes: HOLES.filter(({ id, fixedIn }) => !isAtLeast(numbers, fixedIn) && !changelog.includes(id)),
  };
}

function isAtLeast(have: readonly number[], want: readonly number[]): boolean {
  for (const [index, number] of want.entries()) {
    const difference = (have[index] ?? 0) - number;
    if (difference !== 0) return difference > 0;
  }
  return true;
}
