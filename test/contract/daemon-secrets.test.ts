import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { setSecret } from '../../src/operator/secrets/values.ts';
import type { SecretStore } from '../../src/operator/secrets/store.ts';
import { startAuthServer, type AuthServer } from '../support/auth.ts';
import { canary, searchBeforeRemoval } from '../support/canary.ts';
import { eventually, spawnDaemon } from '../support/daemon.ts';
import { PASSWORD } from '../support/mail.ts';
import { openTestStore } from '../support/secrets.ts';

/** A relay that asks for a password, and remembers what it was told. */
const logins: Array<{ user: string; password: string }> = [];
const relay = new SMTPServer({
  authMethods: ['PLAIN'],
  allowInsecureAuth: true,
  disabledCommands: ['STARTTLS'],
  onAuth: (login, _, done) => {
    logins.push({ user: login.username ?? '', password: login.password ?? '' });
    done(null, { user: login.username });
  },
  onData: (stream, _, done) => {
    stream.resume().on('end', () => done());
  },
});

const dir = mkdtempSync(path.join(tmpdir(), 'vt-daemon-secrets-'));
const [first, second, stripe, discord] = [canary(), canary(), canary(), canary()];
let store: SecretStore;
let server: AuthServer;

beforeAll(async () => {
  store = await openTestStore(dir);
  for (const [name, value] of [
    ['SMTP_PASSWORD', first],
    ['STRIPE_SECRET_KEY', stripe],
    ['DISCORD_CLIENT_SECRET', discord],
  ] as const) {
    await setSecret(store, name, value);
  }
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const { port } = relay.server.address() as AddressInfo;
  server = await startAuthServer(
    { siteUrl: 'https://shop.example', external: { discord: { enabled: true, clientId: '1' } } },
    {
      mail: { smtpHost: '127.0.0.1', smtpPort: port, smtpUser: 'shop', tls: 'none', gapSeconds: 0 },
      secrets: { directory: store.paths.directory, environment: 'production' },
    },
  );
});
afterAll(async () => {
  await server?.stop();
  await new Promise<void>((resolve) => relay.close(() => resolve()));
  searchBeforeRemoval(dir);
  rmSync(dir, { recursive: true });
});

let people = 0;
const signUp = async (): Promise<void> => {
  const { error } = await server.visitor().auth.signUp({ email: `person${++people}@mail.example`, password: PASSWORD });
  expect(error).toBeNull();
};
const audit = (): Array<{ operation: string; to: string; names: string[] }> =>
  readFileSync(path.join(store.paths.audit, 'log.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { operation: string; to: string; names: string[] });

test('a letter leaves with the password from the encrypted file', async () => {
  await signUp();
  await eventually(() => logins.length > 0);
  expect(logins).toEqual([{ user: 'shop', password: first }]);
});

test('a provider has its client secret from there: without one it cannot be started', async () => {
  const answer = await server.auth('/authorize?provider=discord', { redirect: 'manual' });
  expect([answer.status, answer.headers.get('location')]).toEqual([
    302,
    expect.stringMatching(/^https:\/\/discord\.com\//),
  ]);
});

test('each service gets its own names, and the log says so', () => {
  const loads = audit().filter(({ operation }) => operation === 'load');
  expect(loads).toMatchObject([
    { to: 'auth', names: ['SMTP_PASSWORD', 'DISCORD_CLIENT_SECRET'] },
    { to: 'functions', names: ['STRIPE_SECRET_KEY', 'DISCORD_CLIENT_SECRET'] },
  ]);
});

test('a new value is in force without a restart', async () => {
  const { pid } = server.daemon.process;
  await setSecret(store, 'SMTP_PASSWORD', second);
  await eventually(() => server.daemon.log().some(({ msg }) => msg === 'configuration and keys read'));
  await signUp();
  await eventually(() => logins.length > 1);
  expect(logins.at(-1)).toEqual({ user: 'shop', password: second });
  expect([server.daemon.process.pid, server.daemon.process.exitCode]).toEqual([pid, null]);
});

test('no value is in its log, its command line, its environment or a core', () => {
  const { pid } = server.daemon.process;
  const seen = [
    server.daemon.stderr(),
    ...['cmdline', 'environ'].map((name) => readFileSync(`/proc/${pid}/${name}`, 'utf8')),
  ];
  for (const value of [first, second, stripe, discord]) expect(seen.join('\n')).not.toContain(value);
  expect(Number(readFileSync(`/proc/${pid}/coredump_filter`, 'utf8'))).toBe(0);
});

test('with another key it does not start, and says which', async () => {
  const other = await openTestStore();
  const daemon = await spawnDaemon({
    database: server.cluster.adminAddress,
    more: {
      secrets: { directory: store.paths.directory, environment: 'production', identityFile: other.paths.identity },
    },
  });
  expect(await daemon.exited).toBe(4);
  expect(daemon.stdout()).toContain('"SECRETS_KEY_WRONG"');
});

test('a file that is damaged while it runs leaves the values before in force', async () => {
  const good = readFileSync(store.file);
  writeFileSync(store.file, 'nonsense');
  await eventually(() => server.daemon.log().some(({ msg }) => String(msg).startsWith('the secrets cannot be read')));
  writeFileSync(store.file, good);
  await signUp();
  expect(logins.at(-1)?.password).toBe(second);
});
