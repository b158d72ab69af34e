import { parseDatabaseUrl } from '../../foundation/postgres/address.ts';
import { Session } from '../../foundation/postgres/session.ts';
import { ident } from '../../foundation/postgres/sql.ts';
import { inTransaction } from '../../foundation/postgres/transaction.ts';
import { STANDIN_FACTS } from './standin/facts.ts';

/** What the moved policies let different callers see: the same rows, asked for as a client's request would. */
export interface ReadBack {
  readonly row: string;
  readonly as: string;
  readonly expected: 'seen' | 'hidden';
  readonly found: 'seen' | 'hidden';
}

export async function readBack(databaseUrl: string): Promise<ReadBack[]> {
  const session = await Session.open(parseDatabaseUrl(databaseUrl), { applicationName: 'vectabase demo' });
  const { anonRow, ownerRow, foreignRow, demoUser } = STANDIN_FACTS;
  const user = { role: 'authenticated', sub: demoUser.id };
  const asked = [
    { at: anonRow, claims: { role: 'anon' }, as: 'anon', expected: 'seen' },
    { at: ownerRow, claims: { role: 'anon' }, as: 'anon', expected: 'hidden' },
    { at: ownerRow, claims: user, as: demoUser.email, expected: 'seen' },
    { at: foreignRow, claims: user, as: demoUser.email, expected: 'hidden' },
  ] as const;
  try {
    const results: ReadBack[] = [];
    for (const { at, claims, as, expected } of asked) {
      const found = (await seenAs(session, at, claims)) ? 'seen' : 'hidden';
      results.push({ row: `${at.schema}.${at.table} ${at.id}`, as, expected, found });
    }
    return results;
  } finally {
    await session.close();
  }
}

async function seenAs(
  session: Session,
  at: { schema: string; table: string; id: string },
  claims: { role: string; sub?: string },
): Promise<boolean> {
  return inTransaction(session, async () => {
    await session.rows(`select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)`, [
      claims.role,
      JSON.stringify(claims),
    ]);
    const rows = await session.rows(`select 1 from ${ident(at.schema, at.table)} where id = $1`, [at.id]);
    return rows.length === 1;
  });
}
