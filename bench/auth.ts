/**
 * What sign-in tells, and what it costs everybody else: `npm run bench:auth -- [--tries 200] [--letters 200] [--logins 200]
 * [--refreshes 1000] [--users 10000] [--enter 500]`. bench/README.md tells what is measured. Exits 1 when a limit is missed.
 */
import { readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import bcrypt from 'bcrypt';
import { newApiKeys } from '../src/foundation/crypto/api-keys.ts';
import { startAuthOver, startAuthServer, type AuthClients } from '../test/support/auth.ts';
import { migrate, startBench } from '../test/support/migration.ts';
import { timeLetters } from './auth-letters.ts';
import { machine, median, saveResult, table } from './report.ts';

const { values } = parseArgs({
  options: {
    tries: { type: 'string', default: '200' },
    letters: { type: 'string', default: '200' },
    logins: { type: 'string', default: '200' },
    refreshes: { type: 'string', default: '1000' },
    users: { type: 'string', default: '10000' },
    enter: { type: 'string', default: '500' },
  },
});
const counts = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)])) as Record<
  keyof typeof values,
  number
>;

interface Line {
  readonly what: string;
  readonly figure: string;
  readonly limit: string;
  readonly ok: boolean;
}

const PASSWORD = 'correct horse battery';
const NO_INSTANCE = '00000000-0000-0000-0000-000000000000';
const lines: Line[] = [];
const say = (line: Line): void => {
  lines.push(line);
  process.stderr.write(`${line.ok ? 'ok  ' : 'MISS'}  ${line.what}: ${line.figure} (${line.limit})\n`);
};

const stallFile = path.join(os.tmpdir(), `vectabase-stall-${process.pid}`);
process.env.STALL_FILE = stallFile;
process.env.NODE_OPTIONS = `--import ${pathToFileURL(fileURLToPath(new URL('../../stall.js', import.meta.url))).href}`;
const server = await startAuthServer({ autoconfirm: true }, { log: { level: 'warn' } });
delete process.env.NODE_OPTIONS;
try {
  if (counts.tries > 0) await timing(counts.tries);
  if (counts.logins > 0) await flood(counts.logins);
  if (counts.refreshes > 0) await refreshes(counts.refreshes);
} finally {
  await server.stop();
  rmSync(stallFile, { force: true });
}
if (counts.letters > 0) await letters(counts.letters);
if (counts.enter > 0) await moved(counts.users, counts.enter);
process.stdout.write(
  table(
    ['what', 'figure', 'limit', ''],
    lines.map(({ what, figure, limit, ok }) => [what, figure, limit, ok ? 'ok' : 'MISSED']),
  ),
);
process.stdout.write(`${machine()}\n${saveResult('auth', { lines })}\n`);
if (lines.some(({ ok }) => !ok)) process.exitCode = 1;

/** Wrong passwords for accounts of every kind, in turns; each against one that nobody has. */
async function timing(tries: number): Promise<void> {
  const insert = async (name: string, hash: string | null, more = ''): Promise<string> => {
    const email = `${name}@timing.example.com`;
    await server.rows(
      `insert into auth.users (id, instance_id, email, encrypted_password, email_confirmed_at ${more && ', banned_until'})
         values (gen_random_uuid(), $1, $2, $3, now() ${more})`,
      [NO_INSTANCE, email, hash],
    );
    return email;
  };
  const kinds = {
    known: await insert('known', await bcrypt.hash(PASSWORD, 12)),
    'moved, with a quicker hash': await insert('moved', await bcrypt.hash(PASSWORD, 10)),
    'without a password': await insert('none', null),
    banned: await insert('banned', await bcrypt.hash(PASSWORD, 12), `, now() + interval '1 h'`),
    unknown: 'unknown@timing.example.com',
  };
  const taken = new Map<string, number[]>(Object.keys(kinds).map((kind) => [kind, []]));
  for (let round = 0; round < tries + 3; round++) {
    // The order changes, and kinds beyond the two that the limit is about come less often.
    const all = Object.entries(kinds).toSorted(() => Math.random() - 0.5);
    for (const [kind, email] of all) {
      if (kind !== 'known' && kind !== 'unknown' && round % 5 !== 3) continue;
      const start = performance.now();
      const answer = await server.auth('/token?grant_type=password', { body: { email, password: `wrong ${round}` } });
      if (answer.status !== 400) throw new Error(`${kind}: ${answer.status}`);
      if (round >= 3) taken.get(kind)?.push(performance.now() - start); // they warm up
    }
  }
  const unknown = median(taken.get('unknown') ?? []);
  for (const [kind, times] of taken) {
    if (kind === 'unknown') continue;
    const off = (median(times) / unknown - 1) * 100;
    say({
      what: `wrong password, ${kind}, against unknown (${times.length} tries)`,
      figure: `${median(times).toFixed(1)} / ${unknown.toFixed(1)} ms, ${off >= 0 ? '+' : ''}${off.toFixed(1)} %`,
      limit: 'within 10 %',
      ok: Math.abs(off) <= 10,
    });
  }
}

/** Letters and codes: does the time tell who has an account? */
async function letters(tries: number): Promise<void> {
  await timeLetters(tries, ({ what, known, unknown, tries: rounds }) => {
    const off = (known / unknown - 1) * 100;
    say({
      what: `${what}, known against unknown (${rounds} tries each)`,
      figure: `${known.toFixed(1)} / ${unknown.toFixed(1)} ms, ${off >= 0 ? '+' : ''}${off.toFixed(1)} %`,
      limit: 'within 10 %',
      ok: Math.abs(off) <= 10,
    });
  });
}

/** Many sign in at once: does the event loop stand still, and what do readers of the REST API notice? */
async function flood(logins: number): Promise<void> {
  await server.sql(`create table public.notes (id int primary key, body text);
    insert into public.notes select n, md5(n::text) from generate_series(1, 1000) n; grant select on public.notes to anon`);
  await server.auth('/signup', { body: { email: 'flood@example.com', password: PASSWORD } });
  await delay(1_500); // the schema is read anew
  await readRest(() => false, 300);
  await stall();
  const idle = await readRest(() => false, 1_000);
  const still = await stall();
  let open = logins;
  const start = performance.now();
  const answers = Promise.all(
    Array.from({ length: logins }, async () => {
      const body = { email: 'flood@example.com', password: PASSWORD };
      const answer = await server.auth('/token?grant_type=password', { body });
      open--;
      return answer.status;
    }),
  );
  const busy = await readRest(() => open === 0, Infinity);
  const statuses = await answers;
  const seconds = (performance.now() - start) / 1000;
  const good = statuses.filter((status) => status === 200).length;
  say({
    what: `${logins} sign-ins at once`,
    figure: `${good} in, ${seconds.toFixed(1)} s`,
    limit: 'all of them',
    ok: good === logins,
  });
  const { max } = await stall();
  say({
    what: 'longest stall of the event loop meanwhile',
    figure: `${max.toFixed(1)} ms, idle ${still.max.toFixed(1)} ms`,
    limit: '< 50 ms',
    ok: max < 50,
  });
  const [calm, loaded] = [p99(idle), p99(busy)];
  say({
    what: `REST p99 meanwhile (${busy.length} requests) against idle`,
    figure: `${loaded.toFixed(2)} / ${calm.toFixed(2)} ms = ${(loaded / calm).toFixed(2)}`,
    limit: '≤ 3 × idle',
    ok: loaded <= 3 * calm,
  });
}

/** One reader after the other, 200 a second at most, until told, or for so many requests. Milliseconds of each. */
async function readRest(done: () => boolean, most: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times: number[] = [];
  while (!done() && times.length < most) {
    const start = performance.now();
    await new Promise<void>((resolve, reject) => {
      const url = `${server.daemon.url}/rest/v1/notes?id=eq.${times.length % 1000}`;
      request(url, { agent, headers: { apikey: server.keys.anonKey } }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`REST: ${response.statusCode}`));
        response.resume().once('end', resolve);
      })
        .once('error', reject)
        .end();
    });
    times.push(performance.now() - start);
    await delay(5);
  }
  agent.destroy();
  return times;
}

function p99(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? NaN;
}

async function stall(): Promise<{ max: number }> {
  rmSync(stallFile, { force: true });
  server.daemon.process.kill('SIGUSR2');
  for (;;) {
    await delay(20);
    try {
      return JSON.parse(readFileSync(stallFile, 'utf8')) as { max: number };
    } catch {
      // not written yet
    }
  }
}

interface Grant {
  readonly refresh_token: string;
}

/** Twenty tabs wake up at once, again and again. */
async function refreshes(rounds: number): Promise<void> {
  const { json } = await server.auth('/signup', { body: { email: 'tabs@example.com', password: PASSWORD } });
  let token = (json as Grant).refresh_token;
  let lost = 0;
  for (let round = 0; round < rounds; round++) {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        server.auth('/token?grant_type=refresh_token', { body: { refresh_token: token } }),
      ),
    );
    const given = new Set(answers.map((answer) => (answer.json as Grant).refresh_token));
    lost += answers.filter(({ status }) => status !== 200).length + (given.size - 1);
    token = [...given][0] ?? '';
  }
  const [row] = await server.rows<{ active: number; sessions: number }>(
    `select count(*) filter (where not revoked)::int as active, count(distinct session_id)::int as sessions
       from auth.refresh_tokens t join auth.users u on u.id::text = t.user_id where email = 'tabs@example.com'`,
  );
  say({
    what: `20 refreshes of one token at once × ${rounds}`,
    figure: `${lost} false logouts, ${row?.active ?? 0} active token, ${row?.sessions ?? 0} family`,
    limit: '0, 1, 1',
    ok: lost === 0 && row?.active === 1 && row.sessions === 1,
  });
}

/** A project of so many users moves; some of them, anybody, come with the password they had. */
async function moved(users: number, enter: number): Promise<void> {
  const bench = await startBench();
  try {
    const hashes = await Promise.all(Array.from({ length: 40 }, (_, at) => bcrypt.hash(`password ${at}`, 10)));
    const source = await bench.admin('source');
    await source.rows(
      `insert into auth.users (id, instance_id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data)
         select gen_random_uuid(), $1, 'authenticated', 'authenticated', 'user' || n || '@example.com',
           ($2::text[])[n % 40 + 1], now(), '{"provider":"email","providers":["email"]}' from generate_series(0, $3::int - 1) n`,
      [NO_INSTANCE, hashes, users],
    );
    await source.rows(
      `insert into auth.identities (user_id, provider, provider_id, identity_data)
         select id, 'email', id, jsonb_build_object('sub', id, 'email', email) from auth.users`,
    );
    await source.close();
    const target = await bench.freshTarget('moved');
    const { report } = await migrate({ source: bench.sourceAddress, target });
    const service = await startAuthOver(bench.target, 'moved', newApiKeys(Date.now()));
    try {
      const entered = await enterMany(service, users, enter);
      say({
        what: `${users} users moved (${report.outcome}), ${enter} at random sign in`,
        figure: `${entered}`,
        limit: `${enter}`,
        ok: entered === enter && report.outcome === 'complete',
      });
    } finally {
      await service.stop();
    }
  } finally {
    await bench.stop();
  }
}

async function enterMany(service: AuthClients, users: number, enter: number): Promise<number> {
  const chosen = new Set<number>();
  while (chosen.size < enter) chosen.add(Math.floor(Math.random() * users));
  const waiting = [...chosen];
  let entered = 0;
  // As many at once as a queue takes; the flood above is about the rest.
  const door = async (): Promise<void> => {
    for (let n = waiting.pop(); n !== undefined; n = waiting.pop()) {
      const body = { email: `user${n}@example.com`, password: `password ${n % 40}` };
      if ((await service.auth('/token?grant_type=password', { body })).status === 200) entered++;
    }
  };
  await Promise.all(Array.from({ length: 50 }, door));
  return entered;
}
