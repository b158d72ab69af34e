/**
 * What encrypted columns cost: the same table plain and encrypted, in turns. Reads and writes through the API, and the
 * functions of SQL. `npm run bench:encryption -- [--rounds 7] [--seconds 1] [--connections 4]`
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { netstrings } from '../src/foundation/encryption/binding.ts';
import { openKeys, readStoredKeys } from '../src/foundation/encryption/key-store.ts';
import { Session } from '../src/foundation/postgres/session.ts';
import { applyTemplates } from '../src/foundation/postgres/templates.ts';
import { applyEncryption } from '../src/operator/encryption/apply.ts';
import { startRestServer } from '../test/support/rest.ts';
import { machine, median, saveResult } from './report.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '1' },
    connections: { type: 'string', default: '4' },
  },
});
const [rounds, seconds, connections] = [options.rounds, options.seconds, options.connections].map(Number) as [
  number,
  number,
  number,
];

/** A row as that of an account: about 400 bytes as JSON. */
const TABLE = `(id uuid primary key default gen_random_uuid(), number int, name text, bio text, created_at timestamptz default now(),
  settings jsonb default '{"theme": "dark", "mails": true}', balance numeric(12,2) default 10.5, active bool default true, token text, account text)`;
const SETUP = `
create table plain ${TABLE}; create table sealed ${TABLE};
insert into plain (number, name, bio, token, account) select i, 'person ' || i, repeat('words and ', 12),
  encode(extensions.gen_random_bytes(24), 'hex'), 'acct_' || encode(extensions.gen_random_bytes(8), 'hex') from generate_series(1, 5000) i;
insert into sealed select * from plain;
create index on plain (number); create index on sealed (number);
grant all on plain, sealed to service_role; analyze`;
const POLICY = ['token', 'account'].map((column) => {
  return { schema: 'public', table: 'sealed', column, blindIndex: column === 'token', readers: ['service_role'] };
});

const directory = mkdtempSync(path.join(tmpdir(), 'vt-bench-'));
const masterKeyFile = path.join(directory, 'master.key');
const masterKey = randomBytes(32);
writeFileSync(masterKeyFile, masterKey.toString('hex'), { mode: 0o600 });
const server = await startRestServer('', { masterKeyFile, log: { level: 'warn' } }, async (admin) => {
  await applyTemplates(admin, 'encryption');
  await admin.script(SETUP);
});
const target = server.cluster.address('rest');
const quiet = { observe: () => undefined, signal: new AbortController().signal, clock: { now: () => Date.now() } };
await applyEncryption({ target, policy: POLICY, masterKey }, quiet);
const agent = new Agent({ keepAlive: true });
const admin = await Session.open(target, { applicationName: 'bench' });
try {
  const results = {
    'read 100 rows, 2 encrypted columns, against plain (ms)': await inTurns((table) =>
      reading(`/${table}?select=*&number=lte.100`),
    ),
    'read 1 row by encrypted column, against plain (ms)': await inTurns(async (table) => {
      const { text } = await send('GET', '/plain?select=token&number=eq.7');
      const [row] = JSON.parse(text) as Array<{ token: string }>;
      return reading(
        `/${table}?select=*&${table === 'sealed' ? 'token' : 'number'}=eq.${table === 'sealed' ? row?.token : 7}`,
      );
    }),
    'insert 100 rows, 2 encrypted columns, against plain (ms)': await inTurns((table) => writing(table, 100)),
    'values a second': {
      'decrypted through REST': await decryptedByRest(),
      'encrypted on write through REST': await encryptedByRest(),
      'decrypted by vectabase.decrypt': await bySql(
        `select count(vectabase.decrypt(token, 'public', 'sealed', 'token', id::text))::int as values from sealed where number <= 5000`,
      ),
      'encrypted by vectabase.encrypt': await bySql(
        `select count(vectabase.encrypt('value ' || i, 'public', 'sealed', 'token', i::text))::int as values from generate_series(1, 5000) i`,
      ),
      'opened in Node alone': await inNode(),
    },
  };
  process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
  saveResult('encryption', { machine: machine(), rounds, seconds, connections, results });
} finally {
  agent.destroy();
  await admin.close();
  await server.stop();
  rmSync(directory, { recursive: true });
}

/** Medians of milliseconds a request, and of the ratio of neighbours in time. */
async function inTurns(measure: (table: 'plain' | 'sealed') => Promise<number>) {
  const pairs: Array<{ plain: number; sealed: number }> = [];
  for (let round = 0; round <= rounds; round++) {
    const pair = { plain: 0, sealed: 0 };
    for (const table of round % 2 === 0 ? (['plain', 'sealed'] as const) : (['sealed', 'plain'] as const)) {
      pair[table] = await measure(table);
    }
    if (round > 0) pairs.push(pair); // the first round only warms up
  }
  const of = (pick: (pair: (typeof pairs)[number]) => number): number => Number(median(pairs.map(pick)).toFixed(2));
  return {
    plain: of(({ plain }) => plain),
    encrypted: of(({ sealed }) => sealed),
    ratio: of((pair) => pair.sealed / pair.plain),
  };
}

async function reading(url: string): Promise<number> {
  return perRequest(async () => send('GET', url));
}

async function writing(table: string, count: number): Promise<number> {
  const row = { number: 1_000_000, name: 'written', token: '', account: 'acct_0123456789abcdef' };
  return perRequest(async () => {
    const body = Array.from({ length: count }, () => ({ ...row, token: randomBytes(24).toString('hex') }));
    await send('POST', `/${table}`, JSON.stringify(body));
  });
}

/** Milliseconds of one request at a time, which is what a person waits for. */
async function perRequest(ask: () => Promise<unknown>): Promise<number> {
  const [start, end] = [performance.now(), performance.now() + seconds * 1_000];
  let done = 0;
  for (; performance.now() < end; done++) await ask();
  return (performance.now() - start) / done;
}

async function decryptedByRest(): Promise<number> {
  return rate(async () => {
    const { text } = await send('GET', '/sealed?select=token,account&number=lte.1000');
    if (text.includes('vt1.')) throw new Error('not decrypted');
    return 2_000;
  }, connections);
}

async function encryptedByRest(): Promise<number> {
  return rate(async () => {
    const body = Array.from({ length: 200 }, () => ({
      token: randomBytes(24).toString('hex'),
      account: 'acct_0123456789abcdef',
    }));
    await send('POST', '/sealed', JSON.stringify(body));
    return 400;
  }, connections);
}

async function bySql(statement: string): Promise<number> {
  const [offer] = await admin.rows<{ secret: string }>('select vectabase.offer_keys() as secret');
  const keys = await openKeys(await readStoredKeys(admin), masterKey);
  return rate(async () => {
    await admin.script('begin');
    await admin.rows(`select set_config('vectabase.keys', $1, true)`, [
      keys.sealForSession(Buffer.from(offer?.secret ?? '', 'hex')),
    ]);
    const [row] = await admin.rows<{ values: number }>(statement);
    await admin.script('commit');
    return row?.values ?? 0;
  }, 1);
}

async function inNode(): Promise<number> {
  const keys = await openKeys(await readStoredKeys(admin), masterKey);
  const column = { schema: 'public', table: 'sealed', column: 'token' };
  const rows = await admin.rows<{ id: string; token: string }>('select id, token from sealed where number <= 5000');
  return rate(async () => {
    for (const { id, token } of rows) {
      if (!keys.open({ column, rowKey: netstrings([id]) }, token).ok) throw new Error('does not open');
    }
    return rows.length;
  }, 1);
}

/** Values a second, the median of the rounds. */
async function rate(work: () => Promise<number>, workers: number): Promise<number> {
  const found: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const [start, end] = [performance.now(), performance.now() + seconds * 1_000];
    let count = 0;
    const worker = async (): Promise<void> => {
      while (performance.now() < end) count += await work();
    };
    await Promise.all(Array.from({ length: workers }, worker));
    if (round > 0) found.push(count / ((performance.now() - start) / 1_000));
  }
  return Math.round(median(found));
}

async function send(method: string, to: string, body?: string): Promise<{ text: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      apikey: server.keys.serviceRoleKey,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const sent = request(`${server.daemon.url}/rest/v1${to}`, { agent, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString();
        if ((response.statusCode ?? 500) >= 300) reject(new Error(text));
        else resolve({ text });
      });
    });
    sent.once('error', reject).end(body);
  });
}
