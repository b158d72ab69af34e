import { ident } from '../../foundation/postgres/sql.ts';
import { objectKey, type Catalog } from './catalog/model.ts';
import type { LeftOut, MigrationPlan } from './plan/model.ts';

export interface CatalogueComparison {
  readonly compared: number;
  readonly equal: number;
  /** Differences that are as they should be, each with the reason. */
  readonly explained: readonly LeftOut[];
  readonly different: ReadonlyArray<{ readonly key: string; readonly expected: string; readonly found: string | null }>;
}

/** Holds the target against what the plan expects of it: every object there, with the same definition. */
export function compareCatalogues(plan: MigrationPlan, target: Catalog): CatalogueComparison {
  const there = new Map(target.objects.map((object) => [objectKey(object), object.definition]));
  const unvalidated = new Set(plan.unvalidated);
  const explained: LeftOut[] = [];
  const different: Array<{ key: string; expected: string; found: string | null }> = [];
  let equal = 0;
  for (const { key, definition, managed } of plan.expected) {
    const found = there.get(key) ?? null;
    if (found === definition) equal += 1;
    else if (managed && found !== null)
      explained.push({ key, why: "auth and storage keep the target's own definition" });
    else if (unvalidated.has(key) && found === `${definition} NOT VALID`)
      explained.push({ key, why: 'not valid, as rows on one side stay behind' });
    else if (found !== null && key.startsWith('grant schema ') && includesLines(found, definition)) {
      explained.push({ key, why: 'the target had granted more on this schema of its own, and keeps that' });
    } else if (found !== null && withoutStrangers(key, found, plan.strangers) === definition) {
      explained.push({ key, why: 'roles that only the target has keep what they had here' });
    } else different.push({ key, expected: definition, found });
  }
  return { compared: plan.expected.length, equal, explained, different };
}

/** An access list without the lines of roles that the source does not have. */
function withoutStrangers(key: string, definition: string, strangers: readonly string[]): string {
  if (!key.startsWith('grant ')) return definition;
  return definition
    .split('\n')
    .filter((line) => !strangers.some((role) => line.startsWith(`${role}: `) || line.startsWith(`${ident(role)}: `)))
    .join('\n');
}

function includesLines(text: string, part: string): boolean {
  const lines = new Set(text.split('\n'));
  return part.split('\n').every((line) => lines.has(line));
}
