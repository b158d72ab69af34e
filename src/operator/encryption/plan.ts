import { blockersOf, isText, readColumnFacts, type ColumnFacts } from '../../foundation/encryption/table-facts.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { isAhead, nameOf, type Action, type ColumnPlan, type ColumnPolicy, type EncryptionPlan } from './model.ts';
import { holdsPgp } from './pgp.ts';

const READERS = ['service_role', 'postgres'];

/** The items of `encryption.columns`: `schema.table.column blind for ROLE+ROLE`. */
export function policyOf(columns: readonly string[]): ColumnPolicy[] {
  return columns.map((item) => {
    const [name = '', ...words] = item.split(' ');
    const [schema = '', table = '', column = ''] = name.split('.');
    const at = words.indexOf('for');
    const readers = at < 0 ? READERS : (words[at + 1] ?? '').split('+');
    return { schema, table, column, blindIndex: words.includes('blind'), readers };
  });
}

/** What the policy means for this database. Changes nothing. */
export async function planEncryption(session: Session, policy: readonly ColumnPolicy[]): Promise<EncryptionPlan> {
  const states = await readStates(session);
  const columns: ColumnPlan[] = [];
  for (const each of policy) {
    const facts = await readColumnFacts(session, each);
    const plan = planColumn(each, facts, states.get(nameOf(each)));
    const pgp = facts !== undefined && isAhead(plan) && (await holdsPgp(session, facts));
    columns.push({ ...plan, pgp });
  }
  return { database: session.address.database, columns };
}

function planColumn(policy: ColumnPolicy, facts: ColumnFacts | undefined, state: string | undefined): ColumnPlan {
  const common = { ...policy, form: 'text' as const, rowKey: [], rows: 0, blockers: [], notes: [], pgp: false };
  if (!facts) return { ...common, action: 'absent' };
  const blockers = state === undefined ? blockersOf(facts, policy.blindIndex) : [];
  return {
    ...common,
    action: actionOf(state, blockers),
    form: isText(facts.type) ? 'text' : 'bytea',
    rowKey: facts.key.map(({ name }) => name),
    rows: facts.rows,
    blockers,
    notes: [
      ...facts.views.map((view) => `view ${view} will show envelopes`),
      ...facts.functions.map((name) => `${name} reads or writes it: see to vectabase.decrypt there`),
    ],
  };
}

function actionOf(state: string | undefined, blockers: readonly string[]): Action {
  if (state === 'encrypted') return 'done';
  if (state === 'applying') return 'resume';
  return state === 'undoing' || blockers.length > 0 ? 'blocked' : 'encrypt';
}

async function readStates(session: Session): Promise<Map<string, string>> {
  const rows = await session.rows<{ name: string; state: string }>(
    `select concat_ws('.', schema_name, table_name, column_name) as name, state from vectabase.encrypted_columns`,
  );
  return new Map(rows.map(({ name, state }) => [name, state]));
}
