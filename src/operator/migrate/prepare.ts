import type { Pooler } from '../../foundation/postgres/pooler.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import type { Catalog } from './catalog/model.ts';
import { isPlatformSchema } from '../../foundation/postgres/managed.ts';
import { isManagedSchema, staysBehind } from './plan/scope.ts';
import { sortByNeeds } from './catalog/order.ts';
import { readCatalog } from './catalog/read.ts';
import { inTransaction } from '../../foundation/postgres/transaction.ts';
import type { MigrateChoices } from './options.ts';
import { buildPlan } from './plan/build.ts';
import type { MigrationPlan, PlannedPart } from './plan/model.ts';
import { columnDrift } from './plan/drift.ts';
import { outsideThings } from './plan/outside.ts';
import { select } from './plan/select.ts';
import { splitTable } from './plan/split.ts';
import { preflight } from './preflight/checks.ts';
import type { Finding } from './preflight/finding.ts';
import { readSequences } from './rows/sequences.ts';
import {
  availableExtensions,
  readSourceFacts,
  superusersHere,
  strangersHere,
  readTargetFacts,
  type SourceFacts,
} from './preflight/facts.ts';

export interface Prepared {
  readonly findings: readonly Finding[];
  readonly plan: MigrationPlan;
  readonly facts: SourceFacts;
  readonly source: Catalog;
}

/** Reads both sides and computes the plan and everything that speaks against it. Writes nothing on either side. */
export async function prepare(
  sessions: { source: Session; target: Session },
  choices: MigrateChoices,
  known: { pooler: Pooler; targetFreeBytes: number | null },
): Promise<Prepared> {
  const [{ facts, source }, target] = await Promise.all([
    readSource(sessions.source, known.pooler),
    inTransaction(
      sessions.target,
      async () => readCatalog(sessions.target, { schemas: 'all-user' }),
      'begin read only',
    ),
  ]);
  const selection = select(source, target, {
    skip: choices.skip,
    outside: await outsideThings(source, sessions.target),
    extensions: await availableExtensions(sessions.target),
  });
  const { ordered: make, cycles } = sortByNeeds(selection.make);
  const drift = columnDrift(source, target);
  const plan = buildPlan({
    make,
    drift,
    searchPath: facts.searchPath,
    strangers: await strangersHere(sessions.target, facts.roles),
    source,
    target,
    selection,
    choices,
    superusers: await superusersHere(sessions.target),
    sequences: await readSequences(
      sessions.target,
      target.sequences.map(({ identity }) => identity),
    ),
    parts: await splitLarge(sessions.source, source, choices.splitAbove),
  });
  const managed = plan.tables
    .filter((table) => table.managed && isManagedSchema(table.schema))
    .map(({ identity }) => identity);
  const findings = preflight({
    source: facts,
    target: await readTargetFacts(sessions.target, managed),
    sourceCatalog: source,
    selection,
    cycles,
    drift,
    choices,
    targetFreeBytes: known.targetFreeBytes,
    dataBytes: plan.tables.filter(({ excluded }) => !excluded).reduce((sum, { dataBytes }) => sum + dataBytes, 0),
    indexBytes: source.tables
      .filter(({ schema }) => !isPlatformSchema(schema))
      .reduce((sum, { indexBytes }) => sum + indexBytes, 0),
  });
  return { findings, plan, facts, source };
}

async function readSource(session: Session, pooler: Pooler): Promise<{ facts: SourceFacts; source: Catalog }> {
  const facts = await readSourceFacts(session, pooler);
  return { facts, source: await readCatalog(session, { schemas: 'all-user', toMove: true }) };
}

async function splitLarge(
  session: Session,
  source: Catalog,
  above: number | null,
): Promise<Map<string, PlannedPart[]>> {
  const parts = new Map<string, PlannedPart[]>();
  if (above === null) return parts;
  for (const table of source.tables) {
    if (
      table.dataBytes <= above ||
      table.kind !== 'table' ||
      isPlatformSchema(table.schema) ||
      staysBehind(table.identity)
    )
      continue;
    parts.set(table.identity, await splitTable(session, table, above / 2));
  }
  return parts;
}
