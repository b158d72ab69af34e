import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../support/cli.ts';
import { noProcessOf, up, type Command } from '../support/up.ts';

const SECRET = 'GOCSPX-a-very-secret-canary';
let base: string;

beforeAll(() => {
  base = mkdtempSync(path.join(tmpdir(), 'vt-auth-cli-'));
});
afterAll(async () => {
  rmSync(base, { recursive: true, force: true });
  await noProcessOf(base);
});

describe('auth providers', () => {
  const dir = () => path.join(base, 'p');
  const run = async (...args: string[]) => {
    const answer = await runCli(['auth', 'providers', ...args, '--dir', dir(), '--json']);
    expect(answer.stdout + answer.stderr).not.toContain(SECRET);
    return { code: answer.code, json: JSON.parse(answer.stdout) as Record<string, unknown> };
  };

  test('set writes the settings, keeps their comments, and the secret into a file of its own', async () => {
    const secret = path.join(base, 'secret.txt');
    writeFileSync(secret, `${SECRET}\n`);
    const first = await run('set', 'discord', '--client-id', 'one', '--from-file', secret);
    expect(first).toMatchObject({
      code: 0,
      json: { name: 'discord', secret: 'set', redirectUri: 'http://127.0.0.1:54321/auth/v1/callback' },
    });
    const file = path.join(dir(), 'vectabase.yml');
    writeFileSync(file, `# mine\napi:\n  publicUrl: https://api.example.com # ours\n${readFileSync(file, 'utf8')}`);
    const google = ['set', 'google', '--client-id', 'two', '--scopes', 'openid, calendar'];
    const second = await run(...google, '--from-file', secret);
    expect(second.json).toMatchObject({ secret: 'set', redirectUri: 'https://api.example.com/auth/v1/callback' });
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('# mine');
    expect(text).toContain('# ours');
    expect(text).not.toContain(SECRET);
    const kept = path.join(dir(), 'auth', 'discord.secret');
    expect([readFileSync(kept, 'utf8'), statSync(kept).mode & 0o777]).toEqual([`${SECRET}\n`, 0o600]);
    const list = await run();
    expect(list.json['providers']).toMatchObject([
      { name: 'discord', enabled: true, clientId: 'one', secret: 'set' },
      { name: 'google', enabled: true, clientId: 'two', secret: 'set' },
    ]);
  });

  test('switches off, and removes with the secret', async () => {
    expect((await run('set', 'discord', '--no-enabled')).json).toMatchObject({ enabled: false, secret: 'set' });
    expect((await run('remove', 'discord')).json).toEqual({ name: 'discord' });
    expect(() => statSync(path.join(dir(), 'auth', 'discord.secret'))).toThrow(/ENOENT/);
    expect(await run('remove', 'discord')).toMatchObject({ code: 2, json: { error: { code: 'USAGE' } } });
  });

  test.each([
    [['acme', '--client-id', 'x'], /not known by name/],
    [['google2'], /needs a client id/],
    [['github', '--client-id', 'x'], /needs its client secret/],
    [['../../etc', '--client-id', 'x'], /no name for a provider/],
    [['acme', '--client-id', 'x', '--issuer', 'ftp://x'], /issuer/],
  ])('set %j is refused', async (args, message) => {
    const before = readFileSync(path.join(dir(), 'vectabase.yml'), 'utf8');
    const { code, json } = await run('set', ...args);
    expect([code, (json['error'] as { message: string }).message]).toEqual([2, expect.stringMatching(message)]);
    expect(readFileSync(path.join(dir(), 'vectabase.yml'), 'utf8')).toBe(before);
  });
});

describe('auth test-mail', () => {
  const dir = () => path.join(base, 'm');
  let command: Command;

  beforeAll(async () => {
    command = up(dir());
    await command.ready();
  });
  afterAll(async () => {
    await command?.stop();
  });

  test('sends by the running daemon, into the inbox where there is no mail server', async () => {
    const ready = await command.ready();
    const sent = await runCli(['auth', 'test-mail', '--to', 'ops@example.com', '--dir', dir(), '--json']);
    expect([sent.code, JSON.parse(sent.stdout)]).toEqual([
      0,
      { to: 'ops@example.com', inboxUrl: ready.inboxUrl, templateProblems: [] },
    ]);
    const letters = await (await fetch(`${ready.inboxUrl ?? ''}/letters.json`)).json();
    expect(letters).toMatchObject([{ kind: 'test', to: 'ops@example.com' }]);
  });

  test('no address; nobody there', async () => {
    const wrong = await runCli(['auth', 'test-mail', '--to', 'nobody', '--dir', dir(), '--json']);
    expect([wrong.code, JSON.parse(wrong.stdout)]).toMatchObject([2, { error: { code: 'USAGE' } }]);
    const gone = await runCli(['auth', 'test-mail', '--to', 'a@b.example', '--dir', path.join(base, 'none'), '--json']);
    expect([gone.code, JSON.parse(gone.stdout)]).toMatchObject([5, { error: { code: 'INSTALLATION_MISSING' } }]);
  });
});
