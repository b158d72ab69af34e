import { errorCode } from '../../foundation/postgres/errors.ts';
import type { Session } from '../../foundation/postgres/session.ts';
import { ident } from '../../foundation/postgres/sql.ts';
import { accessTo } from './access.ts';
import { asRole, attempt, type Verdicts } from './evaluate.ts';
import type { AuditFacts, Command, Finding, FunctionFacts, Proof, RelationFacts } from './model.ts';

/**
 * Tries what a finding claims, as each of its roles with the claims of a stranger, in transactions that are rolled
 * back: no row changes and no trigger fires (for a superuser; others lack the right to switch them off). Values are
 * never read into the report, only whether there were any.
 */
export async function proveFinding(
  session: Session,
  finding: Finding,
  facts: AuditFacts,
  verdicts: Verdicts,
): Promise<Finding> {
  const relation = facts.relations.find(({ schema, name }) => `${schema}.${name}` === finding.target);
  const definer = facts.functions.find((each) => finding.kind === 'function' && targetOf(each) === finding.target);
  const proofs: Proof[] = [];
  for (const role of finding.roles) {
    const probe = async (what: string, work: () => Promise<Tried>): Promise<void> => {
      await asRole(
        session,
        role,
        async () => void proofs.push(await tried(session, `${what} as ${role}`, work)),
        'read write',
      );
    };
    if (definer) await probe('call', () => call(session, definer, facts));
    if (!relation) continue;
    for (const command of commandsOf(finding, relation, role, facts, verdicts)) {
      const name = command === 'select' ? 'read' : command;
      await probe(name, () => PROBES[command](session, relation, { role, columns: finding.columns }));
    }
  }
  return { ...finding, proofs };
}

/** What a probe met: rows, or nothing to try it on. */
interface Tried {
  readonly rows: number;
  /** Of a call: it was let in, whatever it answered. */
  readonly words?: string;
}

async function tried(session: Session, probe: string, work: () => Promise<Tried>): Promise<Proof> {
  let met: Tried | undefined;
  const error = await attempt(session, async () => {
    met = await work();
  });
  if (met?.words !== undefined) return { probe, result: 'proven', detail: met.words };
  if (met !== undefined) {
    return met.rows > 0
      ? { probe, result: 'proven', detail: `${met.rows} row${met.rows === 1 ? '' : 's'}` }
      : { probe, result: 'nothing to try', detail: 'allowed, and it sees no row to try it on' };
  }
  const code = errorCode(error);
  if (code === undefined) throw error;
  if (code === '42501') return { probe, result: 'refused', detail: code };
  // Row security is checked before constraints are: whoever gets as far as those was let in.
  if (code.startsWith('23')) return { probe, result: 'proven', detail: `let in as far as a constraint (${code})` };
  // A function that fails was running. What it says may quote a row, so the code has to do.
  return probe.startsWith('call ')
    ? { probe, result: 'proven', detail: `it ran, and failed (${code})` }
    : { probe, result: 'nothing to try', detail: `failed for another reason (${code})` };
}

function commandsOf(
  { kind }: Finding,
  relation: RelationFacts,
  role: string,
  facts: AuditFacts,
  verdicts: Verdicts,
): Command[] {
  if (kind === 'read') return ['select'];
  if (kind === 'view') return relation.updatable ? ['select', 'insert', 'update', 'delete'] : ['select'];
  if (kind === 'insert') return ['insert'];
  if (kind !== 'write' && kind !== 'no row security') return [];
  return accessTo(relation, facts, verdicts)
    .filter(
      ({ role: who, command, reach }) =>
        who === role && reach === 'all' && (kind === 'no row security' || command !== 'select'),
    )
    .map(({ command }) => command);
}

interface As {
  readonly role: string;
  readonly columns: Finding['columns'];
}

const PROBES: Record<Command, (session: Session, relation: RelationFacts, as: As) => Promise<Tried>> = {
  async select(session, { schema, name }, { columns }) {
    const wanted = columns.map((column) => ident(column.name)).join(', ') || '1';
    // Selected inside, counted outside: who may not see a column is refused, and no value leaves the server.
    const [row] = await session.rows<{ rows: number }>(
      `select count(*)::integer as rows from (select ${wanted} from ${ident(schema, name)} limit 1 offset 0) probe`,
    );
    return { rows: row?.rows ?? 0 };
  },
  async insert(session, { schema, name }) {
    return { rows: await session.count(`insert into ${ident(schema, name)} default values`) };
  },
  async update(session, relation, { role }) {
    const mayChange = relation.privileges[role]?.update ?? [];
    const column = ident(mayChange[0] ?? '');
    const table = ident(relation.schema, relation.name);
    const rows = await session.count(`update ${table} set ${column} = ${column} where ${oneRow(relation)}`);
    const firm = relation.columns.find(({ name, nullable }) => !nullable && mayChange.includes(name));
    if (rows > 0 || !firm) return { rows };
    // Rows that it cannot see it may still change, all at once: the first one ends that at its constraint.
    return { rows: await session.count(`update ${table} set ${ident(firm.name)} = null`) };
  },
  async delete(session, relation) {
    return {
      rows: await session.count(`delete from ${ident(relation.schema, relation.name)} where ${oneRow(relation)}`),
    };
  },
};

/** By its place, so that no more than one is locked; a view has no places, and its first column is most likely the key. */
function oneRow({ kind, schema, name, columns }: RelationFacts): string {
  const place = kind === 'table' ? 'ctid' : ident(columns[0]?.name ?? '');
  return `${place} = (select ${place} from ${ident(schema, name)} limit 1)`;
}

/** Called with the key of a row that it reads, where it takes a uuid; else with nulls. An answer counts, its value is not looked at. */
async function call(session: Session, definer: FunctionFacts, facts: AuditFacts): Promise<Tried> {
  const id = definer.argumentTypes.includes('uuid') ? await someId(session, definer, facts) : null;
  const values = definer.argumentTypes.map((type) => (type === 'uuid' ? id : null));
  const list = definer.argumentTypes.map((type, index) => `$${index + 1}::${type}`).join(', ');
  const name = ident(definer.schema, definer.name);
  const rows = await session.rows<{ answered: boolean }>(
    `select answer is not null as answered from ${name}(${list}) as answer`,
    values,
  );
  const answered = rows.filter((row) => row.answered).length;
  return { rows: answered, words: answered > 0 ? 'it answered' : 'it ran, and had no answer to these arguments' };
}

async function someId(session: Session, { source }: FunctionFacts, { relations }: AuditFacts): Promise<string | null> {
  const tables = relations.filter(
    ({ kind, name, columns }) =>
      kind === 'table' &&
      new RegExp(String.raw`\b${name}\b`).test(source) &&
      columns.some((column) => column.name === 'id' && column.type === 'uuid'),
  );
  let id: string | null = null;
  for (const { schema, name } of tables) {
    // As the role: an id that it cannot see, it would have to guess.
    await attempt(session, async () => {
      const [row] = await session.rows<{ id: string }>(`select id::text as id from ${ident(schema, name)} limit 1`);
      id ??= row?.id ?? null;
    });
  }
  return id;
}

function targetOf({ schema, name, argumentTypes }: FunctionFacts): string {
  return `${schema}.${name}(${argumentTypes.join(', ')})`;
}
