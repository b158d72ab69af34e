import { generateKeyPairSync } from 'node:crypto';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { exportJWK, SignJWT } from 'jose';
import jwt from 'jsonwebtoken';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { newAuthority, newServerCertificate } from '../../../src/foundation/crypto/certificates.ts';
import { scramVerifier } from '../../../src/foundation/crypto/passwords.ts';
import { Session } from '../../../src/foundation/postgres/session.ts';
import { literal } from '../../../src/foundation/postgres/sql.ts';
import { serviceUser } from '../../../src/foundation/process/service-user.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { DAEMON, eventually, runProgram, type RunningDaemon } from '../../support/daemon.ts';
import { hasPgBouncer, startPgBouncer } from '../../support/pgbouncer.ts';

/** A database of somebody else: no schema of ours in it, roles and a password by its owner. */
const SQL = `
  create role web_anon nologin; create role staff nologin;
  create role gate login noinherit password PASSWORD; grant web_anon, staff to gate;
  create table notes (id int primary key, body text); insert into notes select g, 'n' || g from generate_series(1, 50) g;
  grant select on notes to web_anon; grant all on notes to staff;
  create function slow(s float) returns text language sql as $$ select 'slept' || pg_sleep(s)::text $$;
  create function who() returns text language sql stable as 'select current_user::text';
`;
const SECRET = 'a secret of an external database, long enough';
const directory = mkdtempSync(path.join(tmpdir(), 'vt-external-'));
const authority = await newAuthority('external', Date.now());
const write = (name: string, text: string): string => {
  const file = path.join(directory, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
};

let cluster: TestCluster;
const daemons: RunningDaemon[] = [];
let database: Record<string, unknown>;

beforeAll(async () => {
  const { certificate, privateKey } = await newServerCertificate(authority, Date.now());
  const tls = mkdtempSync(path.join(tmpdir(), 'vt-tls-'));
  const owner = await serviceUser();
  const files = ['server.crt', 'server.key'].map((name, at) => {
    const file = path.join(tls, name);
    writeFileSync(file, at === 0 ? certificate : privateKey, { mode: 0o600 });
    if (owner) chownSync(file, owner.uid, owner.gid);
    return file;
  });
  if (owner) chownSync(tls, owner.uid, owner.gid);
  const [certFile = '', keyFile = ''] = files;
  cluster = await startTestCluster({ settings: { ssl: 'on', ssl_cert_file: certFile, ssl_key_file: keyFile } });
  rmSync(tls, { recursive: true });
  const address = await cluster.createDatabase('shop');
  const admin = await Session.open(address, { applicationName: 'test' });
  await admin.script(SQL.replace('PASSWORD', literal(await scramVerifier('gate password'))));
  await admin.close();
  const rootCertificate = write('ca.crt', authority.certificate);
  const at = { host: '127.0.0.1', port: cluster.port, user: 'gate', password: 'gate password', database: 'shop' };
  database = { ...at, sslMode: 'verify-full', rootCertificate };
});
afterAll(async () => {
  for (const daemon of daemons) {
    daemon.process.kill('SIGTERM');
    await daemon.exited;
  }
  await cluster?.stop();
  rmSync(directory, { recursive: true });
});

/** A daemon with a configuration file as a person writes it, and that file. */
async function serve(config: Record<string, unknown>): Promise<RunningDaemon & { file: string }> {
  const file = write(`daemon-${daemons.length}.yml`, stringify({ api: { port: 0 }, ...config }));
  const daemon = runProgram(DAEMON, ['--config', file]);
  daemons.push(daemon);
  const first = await eventually(() => daemon.stdout().includes('\n') && daemon.stdout(), daemon.exited);
  const { apiUrl = '' } = JSON.parse(first ?? daemon.stdout()) as { apiUrl?: string };
  return { ...daemon, url: apiUrl, file };
}

const ask = async (daemon: RunningDaemon, target: string, headers: Record<string, string> = {}) => {
  const response = await fetch(`${daemon.url}/rest/v1${target}`, { headers });
  return { status: response.status, json: await response.json() };
};
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const rest = { schemas: ['public'], anonRole: 'web_anon', extraSearchPath: ['public'] };

describe('a database elsewhere, by TLS, with a file that a person wrote', () => {
  test('behaves as PostgREST alone: no key is asked for, tokens decide', async () => {
    const jwtSettings = { secretFile: write('secret', `${SECRET}\n`), audience: 'shop', roleClaim: '.app.role' };
    const daemon = await serve({ database, rest, jwt: jwtSettings });
    expect(await ask(daemon, '/notes?id=eq.1')).toEqual({ status: 200, json: [{ id: 1, body: 'n1' }] });
    const token = (claims: object, secret = SECRET) => bearer(jwt.sign(claims, secret, { noTimestamp: true }));
    expect((await ask(daemon, '/rpc/who', token({ app: { role: 'staff' }, aud: 'shop' }))).json).toBe('staff');
    expect((await ask(daemon, '/rpc/who', token({ role: 'staff' }))).json).toBe('web_anon');
    expect((await ask(daemon, '/rpc/who', token({ app: { role: 'staff' }, aud: 'other' }))).status).toBe(401);
    expect((await ask(daemon, '/rpc/who', token({ app: { role: 'staff' } }, 'x'.repeat(40)))).status).toBe(401);
    expect((await ask(daemon, '/rpc/who', { apikey: 'anything' })).json).toBe('web_anon');
    const admin = await Session.open(cluster.address('shop'), { applicationName: 'test' });
    const rows = await admin.rows<{ ssl: boolean }>(
      `select bool_and(ssl) as ssl from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'gate'`,
    );
    await admin.close();
    expect(rows).toEqual([{ ssl: true }]);
    // Nothing of ours may be made there: limits count here alone, and the log says so once.
    const alone = (): unknown[] => daemon.log().filter(({ msg }) => msg === 'rate limits count for each process alone');
    await expect.poll(alone).toMatchObject([{ final: true }]);
  });

  test('tokens of others, by their public keys', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwks = write('jwks.json', JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'theirs' }] }));
    const daemon = await serve({ database, rest, jwt: { jwks } });
    const signed = await new SignJWT({ role: 'staff' })
      .setProtectedHeader({ alg: 'ES256', kid: 'theirs' })
      .sign(privateKey);
    expect((await ask(daemon, '/rpc/who', bearer(signed))).json).toBe('staff');
    expect((await ask(daemon, '/rpc/who', bearer(jwt.sign({ role: 'staff' }, SECRET)))).status).toBe(401);
  });

  test('another authority than the one that was named is not talked to', async () => {
    const other = write('other.crt', (await newAuthority('other', Date.now())).certificate);
    const daemon = await serve({ database: { ...database, rootCertificate: other }, rest });
    expect((await ask(daemon, '/notes')).status).toBe(503);
    expect((await fetch(`${daemon.url}/readyz`)).status).toBe(503);
    await expect
      .poll(() => daemon.log().find(({ msg }) => msg === 'Postgres does not answer')?.reason)
      .toContain('certificate');
    expect(daemon.stderr()).not.toContain('gate password');
  });

  test.skipIf(!hasPgBouncer)('through PgBouncer in session mode', async () => {
    const behind = cluster.address('shop', { user: 'gate', password: 'gate password', tcp: true });
    const pooler = await startPgBouncer(behind, 'session');
    const { host, port, user, password } = pooler.address;
    const daemon = await serve({ database: { host, port, user, password, database: 'shop' }, rest });
    for (let round = 0; round < 20; round++) {
      const answers = await Promise.all([1, 2, 3].map((id) => ask(daemon, `/notes?id=eq.${id}&select=body`)));
      expect(answers.map(({ json }) => json)).toEqual([1, 2, 3].map((id) => [{ body: `n${id}` }]));
    }
    daemon.process.kill('SIGTERM');
    await daemon.exited;
    await pooler.stop();
  });

  test.each([
    ['a secret that can be guessed', { jwt: { secret: 'short' } }, 'shorter than 32'],
    ['a secret file that is not there', { jwt: { secretFile: '/nowhere' } }, 'jwt.secretFile: /nowhere cannot be read'],
    ['a set that is none', { jwt: { jwks: '/dev/null' } }, 'holds no JSON Web Key Set'],
    [
      'a certificate that is not there',
      { database: { sslMode: 'verify-full', rootCertificate: '/nowhere' } },
      'rootCertificate',
    ],
    ['an unknown sslMode', { database: { sslMode: 'maybe' } }, 'database.sslMode'],
    ['an unknown key', { speed: 'fast' }, 'speed'],
  ])('%s ends it with exit code 2', async (_what, config: Record<string, object | string>, message) => {
    const daemon = await serve({
      rest,
      ...config,
      database: { ...database, ...(config.database as object | undefined) },
    });
    expect(await daemon.exited).toBe(2);
    expect(daemon.stdout()).toContain(message);
    expect(daemon.stdout()).not.toContain('gate password');
  });
});

describe('signals', () => {
  test('SIGHUP reads the file again, without losing a request; a broken file changes nothing', async () => {
    const config = { database, rest: { ...rest, maxRows: 10 } };
    const daemon = await serve(config);
    const rows = async () => ((await ask(daemon, '/notes?select=id')).json as unknown[]).length;
    expect(await rows()).toBe(10);
    const before = ask(daemon, '/rpc/slow?s=1');
    writeFileSync(daemon.file, stringify({ ...config, rest: { ...rest, maxRows: 20 } }));
    daemon.process.kill('SIGHUP');
    const statuses: number[] = [];
    await expect
      .poll(async () => {
        const { status, json } = await ask(daemon, '/notes?select=id');
        statuses.push(status);
        return (json as unknown[]).length;
      })
      .toBe(20);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await before).toEqual({ status: 200, json: 'slept' });
    writeFileSync(daemon.file, stringify({ ...config, rest: { maxRows: 'many' } }));
    daemon.process.kill('SIGHUP');
    await expect.poll(() => daemon.log().filter(({ level }) => level === 50)).toHaveLength(1);
    expect(await rows()).toBe(20);
  });

  test('SIGHUP takes another secret, SIGUSR1 another schema', async () => {
    const config = (secret: string) => stringify({ database, rest, api: { port: 0 }, jwt: { secret } });
    const daemon = await serve({ database, rest, jwt: { secret: SECRET } });
    const status = async (secret: string) =>
      (await ask(daemon, '/rpc/who', bearer(jwt.sign({ role: 'staff' }, secret)))).status;
    const other = `${SECRET}, and another`;
    expect([await status(SECRET), await status(other)]).toEqual([200, 401]);
    writeFileSync(daemon.file, config(other));
    daemon.process.kill('SIGHUP');
    await expect.poll(() => status(other)).toBe(200);
    expect(await status(SECRET)).toBe(401);

    const admin = await Session.open(cluster.address('shop'), { applicationName: 'test' });
    await admin.script('alter table notes add column extra int default 7');
    await admin.close();
    daemon.process.kill('SIGUSR1');
    await expect.poll(async () => (await ask(daemon, '/notes?select=extra&limit=1')).json).toEqual([{ extra: 7 }]);
  });
});
