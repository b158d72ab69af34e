import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseDatabaseUrl, type DatabaseAddress } from '../../src/foundation/postgres/address.ts';
import { newAuthority } from '../../src/foundation/crypto/certificates.ts';
import { readRunningInstallation } from '../../src/foundation/postgres/installation.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { isAlive } from '../../src/foundation/process/identity.ts';
import type { ReadyEvent } from '../../src/operator/provision/up.ts';
import { noProcessOf, processesOf, runCommand, untilNoProcessOf, up, type Command } from '../support/up.ts';

/** One directory, one installation; the tests follow its life in order. */
describe('vectabase up', () => {
  let base: string;
  let dir: string;
  let command: Command;
  let ready: ReadyEvent;

  beforeAll(async () => {
    base = await realpath(await mkdtemp(path.join(tmpdir(), 'vt-up-')));
    await chmod(base, 0o755);
    dir = path.join(base, 'shop');
    command = up(dir);
    ready = await command.ready();
  });
  afterAll(async () => {
    await command.stop();
    await noProcessOf(base);
    await rm(base, { recursive: true, force: true });
  });

  const admin = async (): Promise<DatabaseAddress> => (await readRunningInstallation(dir)).adminAddress;
  const at = (...parts: string[]): string => path.join(dir, ...parts);

  test('the ready event has the promised fields', () => {
    expect(Object.keys(ready)).toEqual([
      'event',
      'apiUrl',
      'databaseUrl',
      'anonKey',
      'serviceRoleKey',
      'dir',
      'postgresVersion',
      'pid',
      'publishableKey',
      'secretKey',
      'inboxUrl',
      'archivesWal',
    ]);
    expect(ready).toMatchObject({ dir, pid: command.pid });
    expect(ready.postgresVersion).toMatch(/^17\.\d+$/);
  });

  test('the daemon answers healthz and readyz', async () => {
    expect((await fetch(`${ready.apiUrl}/healthz`)).status).toBe(200);
    await expect.poll(async () => (await fetch(`${ready.apiUrl}/readyz`)).status).toBe(200);
  });

  test('files with secrets are closed to others, and to git', async () => {
    for (const file of ['keys.json', 'master.key', 'daemon.json', 'run.json', 'tls/ca.key', 'tls/server.key']) {
      expect([file, ((await stat(at(file))).mode & 0o777).toString(8)]).toEqual([file, '600']);
    }
    expect(await readFile(at('.gitignore'), 'utf8')).toBe('*\n!/secrets/\n');
    expect(await readFile(at('master.key'), 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
  });

  test('the database URL works as it is: verified TLS, role postgres as on a hosted project', async () => {
    const address = parseDatabaseUrl(ready.databaseUrl);
    expect(address.sslMode).toBe('verify-full');
    const session = await open(address);
    expect(session.encrypted).toBe(true);
    const [role] = await session.rows(
      `select rolname, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolcanlogin,
              (select ssl from pg_stat_ssl where pid = pg_backend_pid()) as ssl
         from pg_roles where rolname = current_user`,
    );
    await session.close();
    expect(role).toEqual({
      rolname: 'postgres',
      rolsuper: false,
      rolcreatedb: true,
      rolcreaterole: true,
      rolreplication: true,
      rolbypassrls: true,
      rolcanlogin: true,
      ssl: true,
    });
  });

  test.each<[string, Partial<DatabaseAddress>, RegExp]>([
    ['TCP without TLS', { sslMode: 'disable' }, /no pg_hba.conf entry.*no encryption/],
    ['a wrong password', { password: 'wrong' }, /password authentication failed/],
    ['no password', { password: '' }, /password/],
    ['the superuser by TCP', { user: 'supabase_admin' }, /pg_hba.conf rejects/],
  ])('refuses %s', async (_, change, reason) => {
    await expect(open({ ...parseDatabaseUrl(ready.databaseUrl), ...change })).rejects.toThrow(reason);
  });

  test('refuses a client that trusts another authority', async () => {
    const rootCertificate = (await newAuthority('other', Date.now())).certificate;
    await expect(open({ ...parseDatabaseUrl(ready.databaseUrl), rootCertificate })).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
    });
  });

  test('the socket asks for a password too', async () => {
    await expect(open({ ...(await admin()), password: 'wrong' })).rejects.toMatchObject({
      code: 'DATABASE_AUTH_FAILED',
    });
  });

  test('the server is set up as the requirements want it', async () => {
    const session = await open(await admin());
    const settings = await session.rows<{ name: string; setting: string }>(
      `select name, setting from pg_settings where name = any (string_to_array($1, ' '))`,
      [Object.keys(WANTED).join(' ')],
    );
    const [facts] = await session.rows(
      `select (select to_json(array_agg(extname::text order by extname)) from pg_extension) as extensions,
              (select to_json(array_agg(rolname::text order by rolname)) from pg_authid
                where rolpassword like 'SCRAM-SHA-256$%') as passwords,
              (select count(*)::int from pg_authid where rolpassword not like 'SCRAM-SHA-256$%') as weak,
              (select to_json(array[datlocprovider::text, datlocale, pg_encoding_to_char(encoding)])
                 from pg_database where datname = current_database()) as locale,
              (select setting::bigint * 8192 from pg_settings where name = 'shared_buffers') as shared`,
    );
    await session.close();
    expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual(WANTED);
    expect(facts).toMatchObject({
      extensions: expect.arrayContaining(['pgcrypto', 'uuid-ossp']) as string[],
      passwords: ['authenticator', 'postgres', 'supabase_admin', 'supabase_auth_admin'],
      weak: 0,
      locale: ['b', 'C.UTF-8', 'UTF8'],
    });
    expect(Number(facts?.shared)).toBeGreaterThanOrEqual(32 * 1024 ** 2);
  });

  const WANTED = {
    data_checksums: 'on',
    listen_addresses: '127.0.0.1',
    log_min_duration_statement: '100',
    log_parameter_max_length: '0',
    password_encryption: 'scram-sha-256',
    ssl: 'on',
    wal_level: 'logical',
  };

  test('a slow statement is in the log, its parameters and the passwords are not', async () => {
    const session = await open(parseDatabaseUrl(ready.databaseUrl));
    await session.rows('select pg_sleep(0.15), $1::text as "slow one"', ['a private value']);
    await session.close();
    const log = await readFile(at('postgres', 'postgres.log'), 'utf8');
    expect(log).toMatch(/duration: \d+.*slow one/);
    expect(log).not.toContain('a private value');
    const keys = JSON.parse(await readFile(at('keys.json'), 'utf8')) as { passwords: Record<string, string> };
    const said = [log, await readFile(at('daemon.log'), 'utf8'), command.stderr].join('\n');
    for (const password of Object.values(keys.passwords)) expect(said).not.toContain(password);
  });

  test('no secret is in the arguments of a process', async () => {
    const keys = await readFile(at('keys.json'), 'utf8');
    const words = processesOf(dir).join('\n');
    expect(words).toContain('postgres');
    for (const secret of keys.match(/(?<=: ")[^"]{24,}/g) ?? []) expect(words).not.toContain(secret);
  });

  test('a second up on the directory is told who holds it', async () => {
    const second = await runCommand(['up', '--dir', dir, '--json', '--port', '0', '--pg-port', '0']);
    expect(second.exitCode).toBe(5);
    const { error } = second.lines.at(-1) as unknown as { error: { code: string; message: string; details: object } };
    expect(error.code).toBe('LOCK_HELD');
    expect(error.message).toContain(`process ${command.pid} of `);
    expect(error.details).toMatchObject({ pid: command.pid });
    expect((await fetch(`${ready.apiUrl}/healthz`)).status).toBe(200);
  });

  test.each([
    ['--port', (): string => new URL(ready.apiUrl).port],
    ['--pg-port', (): string => new URL(ready.databaseUrl).port],
  ])('a taken port is told with its flag, and nothing is left: %s', async (flag, port) => {
    const other = path.join(base, 'other');
    const args = { '--port': '0', '--pg-port': '0', [flag]: port() };
    const taken = await runCommand(['up', '--dir', other, '--json', ...Object.entries(args).flat()]);
    expect(taken.exitCode).toBe(5);
    expect(taken.lines.at(-1)).toMatchObject({
      error: { code: 'PORT_IN_USE', details: { flag, port: Number(port()) } },
    });
    expect(await untilNoProcessOf(other)).toEqual([]);
  });

  test('SIGTERM ends it with 0 and leaves no process', async () => {
    const session = await open(parseDatabaseUrl(ready.databaseUrl));
    await session.script('create table kept as select 7 as n');
    const { run } = await readRunningInstallation(dir);
    assert(run);
    expect([run.postgresPid, run.daemonPid].map(isAlive)).toEqual([true, true]);
    expect(await command.stop()).toBe(0); // with a client still connected
    session.destroy();
    expect(await untilNoProcessOf(dir)).toEqual([]);
    expect(command.lines.at(-1)).toMatchObject({ event: 'result', dir });
    await expect(readRunningInstallation(dir)).rejects.toMatchObject({
      code: 'INSTALLATION_MISSING',
      hint: `Run vectabase up --dir ${dir} in another terminal, then this command again.`,
    });
  });

  test('the next start makes nothing anew and finds the data', async () => {
    command = up(dir);
    const again = await command.ready();
    expect(again).toMatchObject({ anonKey: ready.anonKey, serviceRoleKey: ready.serviceRoleKey, dir });
    const changed = command.lines.filter((line) => line.event === 'up.step.finished' && line.changed === true);
    expect(changed.map((line) => line.id)).toEqual(['postgres', 'daemon']);
    expect(await one(parseDatabaseUrl(again.databaseUrl), 'select n from kept')).toBe(7);
    ready = again;
  });

  test('after kill -9 nothing stays behind, and the next start has all that was committed', async () => {
    const session = await open(parseDatabaseUrl(ready.databaseUrl));
    await session.script('insert into kept values (8)');
    command.kill('SIGKILL');
    command = up(dir);
    ready = await command.ready();
    session.destroy();
    expect(await one(parseDatabaseUrl(ready.databaseUrl), 'select count(*)::int from kept')).toBe(2);
  });

  test('when Postgres dies, up stops the daemon and says where to look', async () => {
    const { run } = await readRunningInstallation(dir);
    assert(run);
    process.kill(run.postgresPid, 'SIGKILL');
    expect(await command.exited).toBe(7);
    expect(command.lines.at(-1)).toMatchObject({ error: { code: 'SERVER_DIED', details: { server: 'Postgres' } } });
    expect(await untilNoProcessOf(dir)).toEqual([]);
  });

  test('without its master key, or with another one, nothing is started', async () => {
    const key = await readFile(at('master.key'), 'utf8');
    const start = async (env: Record<string, string> = {}): Promise<unknown> => {
      const { exitCode, lines } = await runCommand(['up', '--dir', dir, '--json'], { env });
      expect(lines.filter((line) => line.id === 'postgres')).toEqual([]);
      return { exitCode, ...(lines.at(-1) as object) };
    };
    await rm(at('master.key'));
    expect(await start()).toMatchObject({
      exitCode: 4,
      error: {
        code: 'MASTER_KEY_MISSING',
        hint: expect.stringMatching(/Bring the old key back[^]*vectabase keys generate/),
      },
    });
    const wrong = { exitCode: 4, error: { code: 'MASTER_KEY_WRONG' } };
    await writeFile(at('master.key'), `${'0'.repeat(64)}\n`);
    expect(await start()).toMatchObject(wrong);
    await writeFile(at('master.key'), 'not a key');
    expect(await start()).toMatchObject(wrong);
    await writeFile(at('master.key'), key);
    expect(await start({ VECTABASE_MASTER_KEY: '0'.repeat(64) })).toMatchObject(wrong);
    await rm(at('master.key'));
    command = up(dir, [], { env: { VECTABASE_MASTER_KEY: key.trim() } });
    await command.ready();
    await command.stop();
    await writeFile(at('master.key'), key);
  });
});

async function open(address: DatabaseAddress): Promise<Session> {
  return Session.open(address, { applicationName: 'test' });
}

async function one(address: DatabaseAddress, sql: string): Promise<unknown> {
  const session = await open(address);
  try {
    return Object.values((await session.rows(sql))[0] ?? {})[0];
  } finally {
    await session.close();
  }
}
