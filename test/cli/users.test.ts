import { mkdtempSync, rmSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReadyEvent } from '../../src/operator/provision/up.ts';
import { NoWebSocket } from '../support/rest.ts';
import { BIN, noProcessOf, up, type Command } from '../support/up.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'vt-users-'));
const PASSWORD = 'correct horse battery';
let running: Command;
let ready: ReadyEvent;

beforeAll(async () => {
  running = up(dir);
  ready = await running.ready();
});
afterAll(async () => {
  await running?.stop();
  rmSync(dir, { recursive: true, force: true });
  await noProcessOf(dir);
});

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly json: Record<string, unknown>;
}

/** `vectabase users …`, with what is piped in. */
async function users(args: readonly string[], input = ''): Promise<Outcome> {
  const child = spawn(process.execPath, [BIN, 'users', ...args, '--dir', dir], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME },
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const json = said.stdout.startsWith('{') ? (JSON.parse(said.stdout) as Record<string, unknown>) : {};
  return { code, ...said, json };
}

function visitor() {
  return createClient(ready.apiUrl, ready.anonKey, {
    realtime: { transport: NoWebSocket as never },
    auth: { persistSession: false, autoRefreshToken: false },
  });
}

test('an account from making it to deleting it, as its owner and its operator see it', async () => {
  const made = await users(['create', 'Ann@Example.com'], `${PASSWORD}\n`);
  expect([made.code, made.stderr]).toEqual([0, '']);
  const ann = visitor();
  const entered = await ann.auth.signInWithPassword({ email: 'ann@example.com', password: PASSWORD });
  expect(entered.error).toBeNull();
  expect(entered.data.user?.identities).toMatchObject([{ provider: 'email' }]);

  const listed = await users(['list', '--json']);
  expect(listed.json).toMatchObject({
    total: 1,
    users: [{ email: 'ann@example.com', status: 'active', providers: ['email'], sessions: 1 }],
  });
  expect((await users(['list', '--filter', 'nobody'])).stdout).toBe('0 accounts\n');
  const shown = await users(['show', 'ann@example.com']);
  expect(shown.stdout).toContain('bcrypt');
  expect(shown.stdout).not.toContain('$2b$');
  const sessions = await users(['sessions', 'ANN@example.com', '--json']);
  expect(sessions.json).toMatchObject({ sessions: [{ ip: '127.0.0.1', aal: 'aal1' }] });

  expect((await users(['revoke', 'ann@example.com', '--json'])).json).toMatchObject({ sessionsEnded: 1 });
  expect((await ann.auth.refreshSession(entered.data.session ?? undefined)).error).not.toBeNull();

  expect((await users(['ban', 'ann@example.com', '--for', '7d'])).code).toBe(0);
  const banned = await visitor().auth.signInWithPassword({ email: 'ann@example.com', password: PASSWORD });
  expect(banned.error).toMatchObject({ code: 'user_banned' });
  expect((await users(['unban', 'ann@example.com'])).code).toBe(0);

  const changed = await users(['set-password', 'ann@example.com'], 'another horse battery');
  expect(changed.code).toBe(0);
  const again = await visitor().auth.signInWithPassword({
    email: 'ann@example.com',
    password: 'another horse battery',
  });
  expect(again.error).toBeNull();

  const asked = await users(['delete', 'ann@example.com', '--json']);
  expect([asked.code, asked.json]).toMatchObject([2, { error: { code: 'CONFIRMATION_REQUIRED' } }]);
  expect((await users(['delete', 'ann@example.com', '--confirm', 'bo@example.com'])).code).toBe(2);
  expect((await users(['delete', 'ann@example.com', '--confirm', 'ann@example.com'])).code).toBe(0);
  const gone = await users(['show', 'ann@example.com', '--json']);
  expect([gone.code, gone.json]).toMatchObject([5, { error: { code: 'USER_NOT_FOUND' } }]);
  expect(gone.json).toMatchObject({ error: { hint: expect.stringContaining('vectabase users list') as string } });
});

test('what is refused', async () => {
  expect((await users(['create', 'bo@example.com'], 'short')).stderr).toContain('shorter than');
  expect((await users(['create', 'bo@example.com'], 'x'.repeat(73))).code).toBe(2);
  expect((await users(['create', 'bo'], PASSWORD)).code).toBe(2);
  expect((await users(['create', 'bo@example.com', '--no-password'])).code).toBe(0);
  const twice = await users(['create', 'BO@example.com', '--no-password', '--json']);
  expect([twice.code, twice.json]).toMatchObject([5, { error: { code: 'USER_EXISTS' } }]);
  const words = await users(['create', 'cy@example.com', PASSWORD]);
  expect(words.code).toBe(2);
  expect(words.stderr).not.toContain(PASSWORD);
  expect((await users(['unlock-mfa', 'bo@example.com', '--confirm', 'bo@example.com', '--json'])).json).toMatchObject({
    factors: 0,
  });
});
