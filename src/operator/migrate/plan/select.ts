import { objectKey, type Catalog, type CatalogObject, type ObjectKind } from '../catalog/model.ts';
import { isPlatformSchema, isReservedRole } from '../../../foundation/postgres/managed.ts';
import { isManagedSchema } from './scope.ts';
import type { LeftOut } from './model.ts';

/** What of the source's catalogue is made on the target, and what is not, each with its reason. */
export interface Selection {
  /** In no particular order. */
  readonly make: readonly CatalogObject[];
  /** On both sides already; in auth and storage possibly in another version. */
  readonly kept: readonly CatalogObject[];
  readonly leftOut: readonly LeftOut[];
  /** Objects whose absence must be accepted by name (`--skip`), as something of the owner's would be missing. */
  readonly needDecision: readonly LeftOut[];
  /** Objects of the owner's schemas that the target already has. */
  readonly conflicts: readonly string[];
}

/**
 * The rules, in order:
 * 1. Platform schemas (realtime, vault, cron …) and reserved roles belong to the host: not made.
 * 2. What the target lacks is made. What it has stays, and in an owner's schema that is a conflict when it holds
 *    something (a table, a function …) rather than just says something about it (an owner, a grant, a comment).
 * 3. What needs an object that will not be there cannot be made either, and so on. A trigger or a comment is left out
 *    with its reason; for anything that holds the owner's work a decision is asked for.
 */
export function select(
  source: Catalog,
  target: Catalog,
  options: { skip: readonly string[]; outside: ReadonlySet<string>; extensions: readonly string[] },
): Selection {
  const { skip } = options;
  const there = new Map(target.objects.map((object) => [objectKey(object), object]));
  const standing = { has: (key: string) => there.has(key) || options.outside.has(key) };
  const reasons = new Map<string, string>();
  const make = new Map<string, CatalogObject>();
  const kept: CatalogObject[] = [];
  const conflicts: string[] = [];

  for (const object of source.objects) {
    const key = objectKey(object);
    const reason = outsideReason(object);
    if (skip.includes(key)) reasons.set(key, 'left out by request (--skip)');
    else if (reason !== undefined) reasons.set(key, reason);
    else {
      const present = there.get(key);
      if (
        present === undefined ||
        (!isManaged(object) && restates(object.kind) && present.definition !== object.definition)
      )
        make.set(key, object);
      else {
        kept.push(object);
        if (!isManaged(object) && HOLDS_WORK.has(object.kind)) conflicts.push(key);
      }
    }
  }
  leaveUnavailable(make, reasons, options.extensions);
  pullInPrerequisites(source, make, reasons, standing);
  dropUnmet(make, reasons, standing);
  const needDecision = [...reasons]
    .filter(
      ([key, why]) =>
        why.startsWith('needs ') && HOLDS_WORK.has(key.split(' ')[0] as ObjectKind) && !skip.includes(key),
    )
    .map(([key, why]) => ({ key, why }));
  return { make: [...make.values()], kept, leftOut: summarise(reasons, source), needDecision, conflicts };
}

function outsideReason(object: CatalogObject): string | undefined {
  if (object.kind === 'owner' && object.identity.startsWith('event-trigger ')) {
    return 'outside a hosted project only a superuser may own an event trigger';
  }
  if (object.kind === 'role' || object.kind === 'role-membership' || object.kind === 'role-setting') {
    return isReservedRole(object.identity.split(' ')[0]?.replaceAll('"', '') ?? '')
      ? 'role of the platform'
      : undefined;
  }
  if (object.schema !== null && isPlatformSchema(object.schema) && object.kind !== 'extension')
    return platformReason(object.schema);
  return undefined;
}

function platformReason(schema: string | null): string {
  return `schema ${schema} belongs to the platform`;
}

function isManaged(object: CatalogObject): boolean {
  return object.schema !== null && isManagedSchema(object.schema);
}

/** Kinds that hold the owner's rows, rules or code: their loss would be a loss. */
const HOLDS_WORK = new Set<ObjectKind>([
  ...([
    'collation',
    'enum',
    'composite',
    'range',
    'domain',
    'function',
    'aggregate',
    'operator',
    'cast',
    'text-search',
  ] as const),
  ...([
    'sequence',
    'table',
    'view',
    'materialized-view',
    'index',
    'constraint',
    'check',
    'foreign-key',
    'policy',
    'rule',
    'statistics',
  ] as const),
]);

/** Kinds whose statement may be said again over what is there. */
function restates(kind: ObjectKind): boolean {
  return [
    'owner',
    'grant',
    'comment',
    'default-privileges',
    'row-security',
    'replica-identity',
    'role-setting',
    'database-setting',
  ].includes(kind);
}

/** What the target has already. */
interface Standing {
  has(key: string): boolean;
}

/** A plain Postgres lacks roles and schemas that every hosted project has: make those that something needs. */
function pullInPrerequisites(
  source: Catalog,
  make: Map<string, CatalogObject>,
  reasons: Map<string, string>,
  there: Standing,
): void {
  const byKey = new Map(source.objects.map((object) => [objectKey(object), object]));
  const visit = (object: CatalogObject): void => {
    for (const need of object.needs) {
      const needed = byKey.get(need);
      if (!needed || make.has(need) || there.has(need) || !['role', 'schema', 'extension'].includes(needed.kind))
        continue;
      if (/by request|not available/.test(reasons.get(need) ?? '')) continue;
      reasons.delete(need);
      make.set(need, needed);
      visit(needed);
    }
  };
  for (const object of Array.from(make.values())) visit(object);
}

/** Extensions that the target has no package for. What needs one follows in `dropUnmet`. */
function leaveUnavailable(
  make: Map<string, CatalogObject>,
  reasons: Map<string, string>,
  available: readonly string[],
): void {
  for (const [key, object] of make) {
    if (object.kind !== 'extension' || available.includes(object.identity.replaceAll('"', ''))) continue;
    make.delete(key);
    reasons.set(key, 'not available on the target');
  }
}

function dropUnmet(make: Map<string, CatalogObject>, reasons: Map<string, string>, there: Standing): void {
  for (let changed = true; changed;) {
    changed = false;
    for (const [key, object] of make) {
      const unmet = object.needs.find((need) => !make.has(need) && !there.has(need));
      if (unmet === undefined) continue;
      make.delete(key);
      reasons.set(key, `needs ${unmet}, which is not moved: ${reasons.get(unmet) ?? 'it belongs to the platform'}`);
      changed = true;
    }
  }
}

/** One line per platform schema instead of one per object in it. */
function summarise(reasons: ReadonlyMap<string, string>, source: Catalog): LeftOut[] {
  const lines: LeftOut[] = [];
  const counts = new Map<string, number>();
  for (const object of source.objects) {
    const key = objectKey(object);
    const why = reasons.get(key);
    if (why === undefined || why === 'role of the platform') continue;
    if (why === platformReason(object.schema))
      counts.set(object.schema ?? '', (counts.get(object.schema ?? '') ?? 0) + 1);
    else lines.push({ key, why });
  }
  for (const [schema, count] of counts)
    lines.push({ key: `schema ${schema}`, why: `belongs to the platform, with ${count} objects` });
  return lines.concat(source.unsupported.map(({ what, why }) => ({ key: what, why })));
}
