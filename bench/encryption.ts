/**
 * What encrypted columns cost: the same table plain and encrypted, in turns. Reads and writes through the API, and the
 * functions of SQL. `npm run bench:encryption -- [--rounds 7] [--seconds 1] [--connections 4]`
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  encode(extensions.gen_random_bytes(24), 'hex'), 'acct_' || encode(extensions.gen_random_bytes(8), 'hex') from generate_series(1, 20000) i;
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
let page = 0;
const admin = await Session.open(target, { applicationName: 'bench' });
// Encrypting left its rows in the order of their key; where rows lie decides plans, and is not what is measured.
await admin.script('cluster plain using plain_pkey; analyze plain');
try {
  const results = {
    'read 100 rows, 2 encrypted columns, against plain': await inTurns((table) =>
      reading(() => `/${table}?select=*&number=lte.100`),
    ),
    'the same, other rows each time, so that none is remembered': await inTurns((table) =>
      reading(() => `/${table}?select=*&${nextPage(100)}`),
    ),
    'read 1 row by encrypted column, against plain': await inTurns(async (table) => {
      const { text } = await send('GET', '/plain?select=token&number=eq.7');
      const [row] = JSON.parse(text) as Array<{ token: string }>;
      const [column, value] = table === 'sealed' ? ['token', row?.token] : ['number', '7'];
      return reading(() => `/${table}?select=*&${column}=eq.${value}`);
    }),
    'insert 100 rows, 2 encrypted columns, against plain': await inTurns((table) => writing(table, 100)),
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

interface Cost {
  /** Milliseconds of a request. */
  readonly wall: number;
  /** Milliseconds of CPU that it costs the daemon and Postgres together. */
  readonly cpu: number;
}

/**
 * Medians a request, and of the ratio of neighbours in time. On a machine that has other work, time shows the others and
 * CPU shows us.
 */
async function inTurns(measure: (table: 'plain' | 'sealed') => Promise<Cost>) {
  const pairs: Array<{ plain: Cost; sealed: Cost }> = [];
  for (let round = 0; round <= rounds; round++) {
    const first = round % 2 === 0 ? 'plain' : 'sealed';
    const one = await measure(first);
    const other = await measure(first === 'plain' ? 'sealed' : 'plain');
    const pair = first === 'plain' ? { plain: one, sealed: other } : { plain: other, sealed: one };
    if (round > 0) pairs.push(pair); // the first round only warms up
  }
  const of = (pick: (pair: (typeof pairs)[number]) => number): number => Number(median(pairs.map(pick)).toFixed(2));
  return {
    ms: { plain: of(({ plain }) => plain.wall), encrypted: of(({ sealed }) => sealed.wall) },
    ratio: of(({ plain, sealed }) => sealed.wall / plain.wall),
    cpuMs: { plain: of(({ plain }) => plain.cpu), encrypted: of(({ sealed }) => sealed.cpu) },
    cpuRatio: of(({ plain, sealed }) => sealed.cpu / plain.cpu),
  };
}

/** Pages of all 20 000 rows in turn: more values than are remembered. */
function nextPage(size: number): string {
  const from = (page++ * size) % 20_000;
  return `number=gt.${from}&number=lte.${from + size}`;
}

/** Seconds of CPU that the daemon and Postgres have used. */
function cpuUsed(): { daemon: number; postgres: number } {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const stats = processes.flatMap((pid) => {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      const [parent = 0, user = 0, system = 0] = [1, 11, 12].map((at) => Number(fields[at]));
      return [{ pid: Number(pid), parent, used: (user + system) / 100 }];
    } catch {
      return []; // it has just ended
    }
  });
  const sum = (of: (each: (typeof stats)[number]) => boolean): number =>
    stats.filter((each) => of(each)).reduce((total, { used }) => total + used, 0);
  return {
    daemon: sum(({ pid }) => pid === server.daemon.process.pid),
    postgres: sum(({ parent }) => parent === server.cluster.pid),
  };
}

async function reading(url: () => string): Promise<Cost> {
  return perRequest(async () => send('GET', url()));
}

async function writing(table: string, count: number): Promise<Cost> {
  const row = { number: 1_000_000, name: 'written', token: '', account: 'acct_0123456789abcdef' };
  return perRequest(async () => {
    const body = Array.from({ length: count }, () => ({ ...row, token: randomBytes(24).toString('hex') }));
    await send('POST', `/${table}`, JSON.stringify(body));
  });
}

/** One request at a time, which is what a person waits for. */
async function perRequest(ask: () => Promise<unknown>): Promise<Cost> {
  const before = cpuUsed();
  const [start, end] = [performance.now(), performance.now() + seconds * 1_000];
  let done = 0;
  for (; performance.now() < end; done++) await ask();
  const wall = (performance.now() - start) / done;
  const after = cpuUsed();
  const cpu = (after.daemon - before.daemon + after.postgres - before.postgres) * 1_000;
  return { wall, cpu: cpu / done };
}

/** Values a second, and what a value costs each side: with a core for each, the dearer one decides. */
async function decryptedByRest() {
  const before = cpuUsed();
  let values = 0;
  const perSecond = await rate(async () => {
    const { text } = await send('GET', `/sealed?select=token,account&${nextPage(1_000)}`);
    values += 2_000;
    if (text.includes('vt1.')) throw new Error('not decrypted');
    return 2_000;
  }, connections);
  const after = cpuUsed();
  const micros = (used: number): number => Number(((used * 1e6) / values).toFixed(1));
  const cpuMicros = {
    daemon: micros(after.daemon - before.daemon),
    postgres: micros(after.postgres - before.postgres),
  };
  return { perSecond, cpuMicros, perSecondOfCpu: Math.round(1e6 / Math.max(cpuMicros.daemon, cpuMicros.postgres)) };
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
