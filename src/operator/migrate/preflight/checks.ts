import { contentChecks } from './content-checks.ts';
import type { Finding } from './finding.ts';
import type { PreflightInput } from './input.ts';
import { selectionChecks } from './selection-checks.ts';
import { sourceChecks } from './source-checks.ts';
import { targetChecks } from './target-checks.ts';

/** Everything that can be known to go wrong, or to be missed later, before a byte moves. Blockers first. */
export function preflight(input: PreflightInput): Finding[] {
  const rank = { blocker: 0, warning: 1, note: 2 };
  return [...sourceChecks(input), ...targetChecks(input), ...contentChecks(input), ...selectionChecks(input)].toSorted(
    (a, b) => rank[a.level] - rank[b.level],
  );
}
