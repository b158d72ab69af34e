import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { literal } from '../../src/foundation/postgres/sql.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

// Random trees of filters and embeds, each asked for through the API and worked out here: which rows a filter finds is
// asked of Postgres in SQL of our own, and how they are joined, cut and nested is done on plain arrays.
const RUNS = Number(process.env['VECTABASE_ORACLE_RUNS'] ?? 400);

const NASTY = [
  '',
  'a',
  'B',
  'a,b',
  '(x)',
  'say "hi"',
  'back\\slash',
  "it's",
  '%_',
  'ä ö',
  'null',
  '1.5',
  '{a}',
  'x.y:z',
  ' pad ',
];

const SCHEMA = `
create table owners (id int primary key, name text);
create table budgets (id int primary key, owner_id int references owners, amount numeric, kind text);
create table expenses (id int primary key, budget_id int references budgets, cost numeric, doc jsonb);
create function pick(n int) returns text language sql immutable as $$
  select ('{${NASTY.map((text) => JSON.stringify(text).replaceAll("'", "''")).join(',')}}'::text[])[n % ${NASTY.length + 2}] $$;
insert into owners select n, pick(n) from generate_series(1, 20) n;
insert into budgets select n, nullif(n % 23, 0) % 20 + 1, nullif(n % 7, 3) * 1.5, pick(n * 7) from generate_series(1, 60) n;
insert into expenses select n, nullif(n * 13 % 61, 0), n % 11, case when n % 5 > 0 then json_build_object('n', n % 4, 't', pick(n)) end
  from generate_series(1, 200) n;
grant usage on schema public to anon;
grant select on all tables in schema public to anon;`;

interface Row extends Record<string, unknown> {
  readonly id: number;
}
type Table = 'owners' | 'budgets' | 'expenses';
/** A filter in both tongues. */
interface Both {
  readonly api: string;
  readonly sql: string;
}
interface Ask {
  readonly table: Table;
  readonly where: readonly Both[];
  readonly descending: boolean;
  readonly limit: number | undefined;
  readonly embeds: readonly Embed[];
}
interface Embed {
  readonly as: string;
  readonly inner: boolean;
  readonly ask: Ask;
}

let server: RestServer;
let admin: Session;
const rows = new Map<Table, readonly Row[]>();

beforeAll(async () => {
  server = await startRestServer('', { rest: { schemas: ['public'], maxRows: 0 } }, async (session) => {
    await session.script(SCHEMA);
  });
  admin = await Session.open(server.cluster.address('rest'), { applicationName: 'oracle' });
  for (const table of ['owners', 'budgets', 'expenses'] as const) {
    rows.set(table, await admin.rows<Row>(`select * from ${table} order by id`));
  }
});
afterAll(async () => {
  await admin?.close();
  await server?.stop();
});

const number = fc.constantFrom('0', '1', '2', '3', '7', '10', '1.5', '-1');
const text = fc.constantFrom(...NASTY);
/** In a list or a tree, where commas, dots and brackets mean something. */
const quoted = (value: string): string => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

const compare = (api: string, sql: string, value: fc.Arbitrary<string>): fc.Arbitrary<Both> =>
  value.chain((one) =>
    fc.constantFrom('eq =', 'neq <>', 'gt >', 'gte >=', 'lt <', 'lte <=', 'isdistinct is distinct from').map((pair) => {
      const at = pair.indexOf(' ');
      return {
        api: `${api}.${pair.slice(0, at)}.${quoted(one)}`,
        sql: `${sql} ${pair.slice(at + 1)} ${literal(one)}`,
      };
    }),
  );
/** A list of one empty text reads as the empty list: `in.()`. */
const inList = (api: string, sql: string, value: fc.Arbitrary<string>): fc.Arbitrary<Both> =>
  fc
    .array(value, { minLength: 1, maxLength: 4 })
    .filter((many) => many.join('') !== '')
    .map((many) => ({
      api: `${api}.in.(${many.map((one) => quoted(one)).join(',')})`,
      sql: `${sql} in (${many.map((one) => literal(one)).join(', ')})`,
    }));
const isNull = (api: string, sql: string): fc.Arbitrary<Both> =>
  fc.boolean().map((not) => ({ api: `${api}.${not ? 'not.' : ''}is.null`, sql: `${sql} is ${not ? 'not ' : ''}null` }));
const any = (api: string, sql: string): fc.Arbitrary<Both> =>
  fc
    .tuple(fc.constantFrom('any', 'all'), fc.array(fc.constantFrom('0', '3', '7'), { minLength: 1, maxLength: 3 }))
    .map(([word, many]) => ({
      api: `${api}.gt(${word}).{${many.join(',')}}`,
      sql: `${sql} > ${word} ('{${many.join(',')}}')`,
    }));
const like = (api: string, sql: string): fc.Arbitrary<Both> =>
  fc
    .tuple(
      fc.constantFrom(['like', 'like'], ['ilike', 'ilike'], ['match', '~'], ['imatch', '~*']),
      fc.constantFrom('a', '*b*', 'X*', '%'),
    )
    .filter(([[word = '']]) => word !== '')
    .map(([[word = '', operator = ''], pattern]) => {
      const isPattern = word.endsWith('like');
      const plain = isPattern ? pattern : pattern.replaceAll('*', '');
      return {
        api: `${api}.${word}.${quoted(plain)}`,
        sql: `${sql} ${operator} ${literal(isPattern ? plain.replaceAll('*', '%') : plain)}`,
      };
    });

const LEAVES: Record<Table, fc.Arbitrary<Both>> = {
  owners: fc.oneof(
    compare('id', 'id', fc.constantFrom('1', '5', '12')),
    compare('name', 'name', text),
    inList('name', 'name', text),
    isNull('name', 'name'),
    like('name', 'name'),
  ),
  budgets: fc.oneof(
    compare('amount', 'amount', number),
    inList('owner_id', 'owner_id', fc.constantFrom('1', '2', '9')),
    isNull('amount', 'amount'),
    any('amount', 'amount'),
    compare('kind', 'kind', text),
  ),
  expenses: fc.oneof(
    compare('cost', 'cost', number),
    any('cost', 'cost'),
    isNull('doc', 'doc'),
    compare('doc->>t', `doc->>'t'`, text),
    compare('doc->n', `doc->'n'`, fc.constantFrom('1', '2')),
  ),
};

/** Leaves, and trees of them under and, or and not. */
const filterOf = (table: Table): fc.Arbitrary<Both> =>
  fc.letrec<{ tree: Both }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      LEAVES[table],
      fc
        .tuple(fc.boolean(), fc.constantFrom('and', 'or'), fc.array(tie('tree'), { minLength: 1, maxLength: 3 }))
        .map(([not, word, many]) => ({
          api: `${not ? 'not.' : ''}${word}(${many.map(({ api }) => api).join(',')})`,
          sql: `${not ? 'not ' : ''}(${many.map(({ sql }) => sql).join(` ${word} `)})`,
        })),
    ),
  })).tree;

/** How the tables hang together: what is embedded, by which columns, and whether it is one row. */
const LINKS: Record<Table, ReadonlyArray<readonly [to: Table, own: string, theirs: string, one: boolean]>> = {
  owners: [['budgets', 'id', 'owner_id', false]],
  budgets: [
    ['owners', 'owner_id', 'id', true],
    ['expenses', 'id', 'budget_id', false],
  ],
  expenses: [['budgets', 'budget_id', 'id', true]],
};

const askOf = (table: Table, depth: number, one = false): fc.Arbitrary<Ask> =>
  fc.record({
    table: fc.constant(table),
    where: fc.array(filterOf(table), { maxLength: 2 }),
    descending: fc.boolean(),
    limit: one ? fc.constant(undefined) : fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }),
    embeds:
      depth === 0
        ? fc.constant([])
        : fc
            .tuple(
              ...LINKS[table].map(([to, , , toOne], at) =>
                fc.option(
                  fc.record({ as: fc.constant(`e${at}`), inner: fc.boolean(), ask: askOf(to, depth - 1, toOne) }),
                  { nil: undefined },
                ),
              ),
            )
            .map((list) => list.filter((each) => each !== undefined)),
  });

function select({ embeds }: Ask): string {
  return [
    'id',
    ...embeds.map(({ as, inner, ask }) => `${as}:${ask.table}${inner ? '!inner' : ''}(${select(ask)})`),
  ].join(',');
}

function parameters(ask: Ask, path: readonly string[] = []): Array<[string, string]> {
  const key = (name: string): string => [...path, name].join('.');
  return [
    ...ask.where.map(({ api }): [string, string] => [key('and'), `(${api})`]),
    [key('order'), `id.${ask.descending ? 'desc' : 'asc'}`],
    ...(ask.limit === undefined ? [] : [[key('limit'), String(ask.limit)] as [string, string]]),
    ...ask.embeds.flatMap((embed) => parameters(embed.ask, [...path, embed.as])),
  ];
}

/** What must come, by joining plain arrays. */
async function expected(ask: Ask): Promise<(fits: (row: Row) => boolean) => unknown[]> {
  const conditions = ask.where.map(({ sql }) => `(${sql})`).join(' and ');
  const found = await admin.rows<Row>(`select id from ${ask.table} ${conditions === '' ? '' : `where ${conditions}`}`);
  const ids = new Set(found.map(({ id }) => id));
  const embeds = await Promise.all(ask.embeds.map(async (embed) => ({ ...embed, rows: await expected(embed.ask) })));
  return (fits) => {
    const kept = (rows.get(ask.table) ?? []).filter((row) => ids.has(row.id) && fits(row));
    const whole = kept.flatMap((row) => {
      const shown: Record<string, unknown> = { id: row.id };
      for (const { as, inner, ask: below, rows: rowsBelow } of embeds) {
        const link = LINKS[ask.table].find(([to]) => to === below.table);
        const [, own = '', theirs = '', one = false] = link ?? [];
        const list = row[own] === null ? [] : rowsBelow((other) => other[theirs] === row[own]);
        if (inner && list.length === 0) return [];
        shown[as] = one ? (list[0] ?? null) : list;
      }
      return [shown];
    });
    const ordered = ask.descending ? whole.toReversed() : whole;
    return ordered.slice(0, ask.limit);
  };
}

const anyAsk = fc.constantFrom<Table[]>('owners', 'budgets', 'expenses').chain((table) => askOf(table, 2));

test('the API finds and nests the rows that plain SQL finds', { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(anyAsk, async (ask) => {
      const query = new URLSearchParams([['select', select(ask)], ...parameters(ask)]);
      const { status, json } = await server.ask(`/${ask.table}?${query.toString()}`, {
        headers: { prefer: 'count=exact' },
      });
      const wanted = (await expected(ask))(() => true);
      expect({ status: Math.floor(status / 100), json }).toEqual({ status: 2, json: wanted });
    }),
    { numRuns: RUNS },
  );
});
