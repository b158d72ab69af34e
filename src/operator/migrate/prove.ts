import type { Session } from '../../foundation/postgres/session.ts';
import { inTransaction } from '../../foundation/postgres/transaction.ts';
import { objectKey, type Catalog } from './catalog/model.ts';
import { readCatalog } from './catalog/read.ts';
import { compareCatalogues, type CatalogueComparison } from './compare-catalogues.ts';
import type { MigrationPlan } from './plan/model.ts';
import type { MigrationReport } from './report.ts';
import { expectNow } from './ends/same-source.ts';
import { readSequences, sequencesBehind, setSequences } from './rows/sequences.ts';

export interface Proof {
  readonly catalogue: CatalogueComparison;
  readonly foreignKeys: NonNullable<MigrationReport['foreignKeys']>;
  readonly sequences: NonNullable<MigrationReport['sequences']>;
}

/**
 * The proof at the end of a move. Sequences are set once more first: they know no snapshot, and on a source in use they
 * have gone on since.
 */
export async function proveMove(source: Session, target: Session, plan: MigrationPlan): Promise<Proof> {
  await setSequences(target, await readSequences(source, sequencesOf(plan)));
  return prove(source, target, plan);
}

function sequencesOf(plan: MigrationPlan): readonly string[] {
  return plan.steps.flatMap((step) => (step.kind === 'sequences' ? step.sequences : []));
}

/**
 * What is left to prove when every table has been counted and hashed: the catalogue, foreign keys, sequences.
 *
 * @param now the source's catalogue where the target is held to what it says now, not to what it said when planned
 */
export async function prove(
  source: Session,
  target: Session,
  plan: MigrationPlan,
  now: Catalog | null = null,
): Promise<Proof> {
  const catalog = await inTransaction(
    target,
    async () => readCatalog(target, { schemas: 'all-user' }),
    'begin read only',
  );
  const expected = now === null ? { plan, gone: [] } : expectNow(plan, now);
  const catalogue = compareCatalogues(expected.plan, catalog);
  const sequences = sequencesOf(plan);
  const has = ({ sequences: there }: Catalog) => new Set(there.map(({ identity }) => identity));
  const onSource = now === null ? new Set(sequences) : has(now);
  return {
    catalogue: { ...catalogue, different: [...catalogue.different, ...leftovers(expected.gone, catalog)] },
    foreignKeys: await readForeignKeys(target, plan),
    sequences: {
      set: sequences.length,
      behind: await sequencesBehind(
        source,
        target,
        sequences.filter((sequence) => onSource.has(sequence) && has(catalog).has(sequence)),
      ),
    },
  };
}

/** Objects that the source has lost since the move and the target still has. */
function leftovers(gone: readonly string[], target: Catalog): CatalogueComparison['different'] {
  const there = new Map(target.objects.map((object) => [objectKey(object), object.definition]));
  return gone.flatMap((key) => {
    const found = there.get(key);
    return found === undefined ? [] : [{ key, expected: 'nothing: it is gone from the source', found }];
  });
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
