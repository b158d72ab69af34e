import type { Session } from '../../foundation/postgres/session.ts';
import { inTransaction } from '../../foundation/postgres/transaction.ts';
import { readCatalog } from './catalog/read.ts';
import { compareCatalogues, type CatalogueComparison } from './compare-catalogues.ts';
import type { MigrationPlan } from './plan/model.ts';
import type { MigrationReport } from './report.ts';
import { sequencesBehind } from './sequences.ts';

export interface Proof {
  readonly catalogue: CatalogueComparison;
  readonly foreignKeys: NonNullable<MigrationReport['foreignKeys']>;
  readonly sequences: NonNullable<MigrationReport['sequences']>;
}

/** What is left to prove when every table has been counted and hashed: the catalogue, foreign keys, sequences. */
export async function prove(source: Session, target: Session, plan: MigrationPlan): Promise<Proof> {
  const catalog = await inTransaction(
    target,
    async () => readCatalog(target, { schemas: 'all-user' }),
    'begin read only',
  );
  const sequences = plan.steps.flatMap((step) => (step.kind === 'sequences' ? step.sequences : []));
  return {
    catalogue: compareCatalogues(plan, catalog),
    foreignKeys: await readForeignKeys(target, plan),
    sequences: { set: sequences.length, behind: await sequencesBehind(source, target, sequences) },
  };
}

async function readForeignKeys(target: Session, plan: MigrationPlan): Promise<Proof['foreignKeys']> {
  const rows = await target.rows<{ key: string; valid: boolean }>(
    `select format('%I on %s', conname, conrelid::regclass) as key, convalidated as valid
     from pg_constraint c join pg_namespace n on n.oid = c.connamespace
     where contype = 'f' and n.nspname !~ '^pg_' order by 1`,
  );
  const onSource = new Set(
    plan.expected.filter(({ definition }) => definition.endsWith(' NOT VALID')).map(({ key }) => key),
  );
  const invalid = rows.filter(({ valid }) => !valid).map(({ key }) => key);
  return {
    valid: rows.length - invalid.length,
    asOnSource: invalid.filter((key) => onSource.has(`foreign-key ${key}`)),
    notValid: invalid.filter((key) => !onSource.has(`foreign-key ${key}`)),
  };
}
