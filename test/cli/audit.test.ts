/** `audit policies` as an owner types it: exit codes, confirmation, scripts, and the way back. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CliResult } from '../support/cli-events.ts';
import { expectExit, runToEnd, startMigrateCli, type Ends, type MigrateCli } from '../support/migrate-cli.ts';

const CANARY = 'canary-4udit-row';
let cli: MigrateCli;
let ends: Ends;

beforeAll(async () => {
  cli = await startMigrateCli();
  ends = await cli.target('audited');
  const admin = await cli.bench.admin('target', 'audited');
  await admin.script(`create table public.bots (id int primary key, name text, bot_token text);
    alter table public.bots enable row level security;
    create policy open on public.bots using (true) with check (true);
    insert into public.bots values (1, 'one', '${CANARY}')`);
  await admin.close();
});
afterAll(async () => cli?.stop());

const audit = async (...flags: string[]): Promise<CliResult> =>
  runToEnd(['audit', 'policies', ...ends.targetOnly, ...flags]);

test('findings exit 6, with a summary first and the commands that go on', async () => {
  const text = await audit('--prove');
  expectExit(text, 6);
  expect(text.stdout.split('\n').slice(0, 9).join('\n')).toMatch(/2 findings: 2 critical[\s\S]*public|bots/);
  expect(text.stdout).toContain('read as anon: proven (1 row)');
  expect(text.stdout).toContain(`audit policies ${ends.targetOnly.join(' ')} --apply`);
  expect(text.stderr).toContain('AUDIT_FINDINGS · exit 6');
  const json = await audit('--json');
  expectExit(json, 6);
  expect(json.stdout).toContain('"id": "read:public.bots"');
  for (const run of [text, json]) expect(run.stdout + run.stderr).not.toContain(CANARY);
});

test('mending asks for the name, writes both scripts, and can be taken back', async () => {
  const unasked = await audit('--apply');
  expectExit(unasked, 2);
  expect(unasked.stderr).toContain('CONFIRMATION_REQUIRED');
  const dry = await audit('--apply', '--dry-run');
  expectExit(dry, 0);
  expect(dry.stdout).toContain('revoke select on "public"."bots" from "anon";');
  expectExit(await audit(), 6);

  expectExit(await audit('--apply', '--confirm', 'audited'), 0);
  expectExit(await audit(), 0);
  const folder = path.join(ends.dir, 'audit');
  const files = (await readdir(folder)).toSorted();
  expect(files.map((file) => file.replace(/^\d{8}T\d{6}Z/, ''))).toEqual(['.down.sql', '.up.sql']);
  for (const file of files) expect((await stat(path.join(folder, file))).mode & 0o777).toBe(0o600);
  // The script is the whole of it: by hand it does the same.
  const admin = await cli.bench.admin('target', 'audited');
  await admin.script(await readFile(path.join(folder, files[0] ?? ''), 'utf8'));
  expectExit(await audit(), 6);
  await admin.script(await readFile(path.join(folder, files[1] ?? ''), 'utf8'));
  await admin.close();
  expectExit(await audit(), 0);

  expectExit(await audit('--undo', '--confirm', 'audited'), 0);
  expectExit(await audit(), 6);
  expectExit(await audit('--undo', '--confirm', 'audited'), 5);
});

test('what is accepted is no finding', async () => {
  const result = await runToEnd(['audit', 'policies', ...ends.targetOnly, '--json'], {
    VECTABASE_AUDIT_ACCEPTED: '*:public.bots',
  });
  expectExit(result, 0);
  expect(JSON.parse(result.stdout)).toMatchObject({
    findings: [],
    accepted: ['read:public.bots', 'write:public.bots'],
  });
});
