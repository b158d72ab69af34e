/**
 * A rotation of the data key that is killed again and again, and the server under it, while clients read and write
 * through the API: no value is lost, and none is unreadable at any moment.
 *
 * VECTABASE_KILL_VALUES (20000) values, VECTABASE_KILL_ROUNDS (10) kills, VECTABASE_KILL_SEED.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sleep } from '../../src/foundation/core/sleep.ts';
import { formatDatabaseUrl } from '../../src/foundation/postgres/address.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../src/foundation/postgres/templates.ts';
import { applyEncryption } from '../../src/operator/encryption/apply.ts';
import { encryptionStatus } from '../../src/operator/encryption/status.ts';
import { undoEncryption } from '../../src/operator/encryption/undo.ts';
import { verifyEncryption } from '../../src/operator/encryption/verify.ts';
import { startCli, type CliResult } from '../support/cli-events.ts';
import { one, recorded } from '../support/encryption.ts';
import { randomOf } from '../support/random.ts';
import { startRestServer, type RestServer } from '../support/rest.ts';

const VALUES = Number(process.env['VECTABASE_KILL_VALUES'] ?? 20_000);
const ROUNDS = Number(process.env['VECTABASE_KILL_ROUNDS'] ?? 10);
const SEED = Number(process.env['VECTABASE_KILL_SEED'] ?? Date.now() % 100_000);
const POLICY = [{ schema: 'public', table: 'codes', column: 'code', blindIndex: true, readers: ['service_role'] }];
const tally = { kills: 0, serverKills: 0, read: 0, written: 0, refusedWhileDown: 0 };

const masterKey = randomBytes(32);
let server: RestServer;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'vt-kill-'));
  writeFileSync(path.join(directory, 'master.key'), masterKey.toString('hex'), { mode: 0o600 });
  server = await startRestServer('', { masterKeyFile: path.join(directory, 'master.key') }, async (admin) => {
    await applyTemplates(admin, 'encryption');
    await admin.script(`create table public.codes (id int primary key, code text unique, note int default 0);
      insert into public.codes select i, 'code ' || i from generate_series(1, ${VALUES}) i;
      grant all on public.codes to service_role`);
  });
  const target = server.cluster.address('rest');
  writeFileSync(path.join(directory, 'target'), formatDatabaseUrl(target, { password: true }), { mode: 0o600 });
  await applyEncryption({ target, policy: POLICY, masterKey }, recorded());
}, 600_000);

afterAll(async () => {
  process.stderr.write(`encryption kill test, seed ${SEED}, ${VALUES} values: ${JSON.stringify(tally)}\n`);
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

test('kills lose nothing and hide nothing', { timeout: 3_600_000 }, async () => {
  const random = randomOf(SEED);
  const over = new AbortController();
  let down = false;
  const wrong: string[] = [];
  const clients = [readAlways(over.signal, () => down, wrong, random), writeAlways(over.signal, () => down, random)];
  let last: CliResult | undefined;
  for (let round = 1; last?.code !== 0; round++) {
    const steps = Math.max(2, Math.round((VALUES / 1_000) * 2) / ROUNDS);
    const at = round > ROUNDS ? Infinity : 1 + Math.floor(random() * steps);
    const killServer = round % 4 === 0;
    last = await rotate(at, async (kill) => {
      tally.kills++;
      if (!killServer) return kill();
      tally.serverKills++;
      down = true;
      await server.cluster.kill();
      await server.cluster.restart();
      down = false;
    });
    expect(last.stdout).not.toContain(masterKey.toString('hex'));
  }
  over.abort();
  const written = (await Promise.all(clients))[1] as Map<number, string>;
  expect(wrong).toEqual([]);
  // The last ones may find the rotation done: how far each round gets is the machine's affair.
  expect(tally.kills).toBeGreaterThanOrEqual(Math.ceil(ROUNDS / 2));
  expect(tally.read).toBeGreaterThan(0);

  const target = server.cluster.address('rest');
  const status = await encryptionStatus(target);
  const active = status.dataKeys.find((key) => key.active)?.id ?? '';
  expect(status.columns[0]?.values).toEqual({ [active]: VALUES });
  expect(await verifyEncryption({ target, masterKey }, recorded())).toMatchObject({ bad: 0, values: VALUES });
  await undoEncryption({ target, masterKey }, [], recorded());
  const admin = await Session.open(target, { applicationName: 'test' });
  try {
    const lost = `select count(*)::int from public.codes c left join json_each_text($1) w on w.key::int = c.id
      where c.code is distinct from coalesce(w.value, 'code ' || c.id)`;
    expect(await one(admin, lost, [JSON.stringify(Object.fromEntries(written))])).toBe(0);
    expect(await one(admin, 'select count(*)::int from public.codes')).toBe(VALUES);
  } finally {
    await admin.close();
  }
});

/** Runs the real command; at its progress event number `at`, `strike` is called once. */
async function rotate(at: number, strike: (kill: () => void) => Promise<void> | void): Promise<CliResult> {
  const run = startCli(['encryption', 'rotate', '--json', '--target-file', path.join(directory, 'target')], {
    env: { VECTABASE_MASTER_KEY: masterKey.toString('hex') },
    cwd: directory,
  });
  let seen = 0;
  let struck: Promise<void> | undefined;
  run.onEvent((_, event) => {
    if (event['event'] !== 'encryption.table.progress' || ++seen !== at) return;
    struck = Promise.resolve(strike(() => void run.child.kill('SIGKILL')));
  });
  const result = await run.ended;
  await struck;
  return result;
}

async function readAlways(signal: AbortSignal, down: () => boolean, wrong: string[], random: () => number) {
  const client = server.client({ key: server.keys.serviceRoleKey });
  while (!signal.aborted) {
    const from = Math.floor(random() * VALUES);
    const wasDown = down();
    const { data, error } = await client.from('codes').select('id, code').gte('id', from).order('id').limit(100);
    if (error) {
      if (wasDown || down() || isAway(error)) tally.refusedWhileDown++;
      else wrong.push(JSON.stringify(error));
      await sleep(20);
      continue;
    }
    for (const { id, code } of data as Array<{ id: number; code: string }>) {
      tally.read++;
      if (code !== `code ${id}` && code !== `new ${id}`) wrong.push(`${id}: ${code}`);
    }
    await sleep(10);
  }
}

async function writeAlways(
  signal: AbortSignal,
  down: () => boolean,
  random: () => number,
): Promise<Map<number, string>> {
  const client = server.client({ key: server.keys.serviceRoleKey });
  const written = new Map<number, string>();
  while (!signal.aborted) {
    const id = 1 + Math.floor(random() * VALUES);
    // What is refused may have been committed all the same: it is written until it is not refused.
    for (let done = false; !done;) {
      const { error } = await client
        .from('codes')
        .update({ code: `new ${id}` })
        .eq('id', id);
      done = error === null;
      if (error) await sleep(50);
      if (error && !down() && !isAway(error)) throw new Error(JSON.stringify(error));
    }
    written.set(id, `new ${id}`);
    tally.written++;
    await sleep(25);
  }
  return written;
}

/** The server is being restarted, or has just been. */
function isAway({ code, message }: { code: string; message: string }): boolean {
  return (
    ['PGRST000', 'PGRST001', 'PGRST002', '57P01', '57P02', '57P03', 'PGRST003'].includes(code) ||
    /terminat|connect/i.test(message)
  );
}
