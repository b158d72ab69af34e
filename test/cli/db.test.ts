/** `db advise` as an owner types it, after a move. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectExit, runToEnd, startMigrateCli, type Ends, type MigrateCli } from '../support/migrate-cli.ts';

let cli: MigrateCli;
let ends: Ends;

beforeAll(async () => {
  cli = await startMigrateCli();
  const admin = await cli.bench.admin('source');
  await admin.script(`create table public.keys (id int primary key, license_key text, twin int unique);
    create index keys_twin on public.keys (twin);
    alter table public.keys owner to postgres`);
  await admin.close();
  ends = await cli.target('indexed');
});
afterAll(async () => cli?.stop());

const advise = async (...flags: string[]) => runToEnd(['db', 'advise', ...ends.targetOnly, ...flags]);

test('a move offers it, and its command line does it, and undoes it', async () => {
  const moved = await runToEnd(['migrate', ...ends.all]);
  expectExit(moved, 0);
  const offered = /\d+ index(?:es)? advised: vectabase (db advise --apply .*)/.exec(moved.stdout);
  expect(offered).not.toBeNull();

  const plan = await advise();
  expectExit(plan, 6);
  expect(plan.stdout).toContain('public.keys (license_key)');
  expect(plan.stderr).toContain('INDEXES_ADVISED · exit 6');
  const json = await advise('--json');
  expectExit(json, 6);
  expect(JSON.parse(json.stdout.slice(0, json.stdout.indexOf('\n}\n') + 3))).toMatchObject({
    database: 'indexed',
    wanted: expect.arrayContaining([
      expect.objectContaining({ index: 'keys_license_key_idx', action: 'create' }),
    ]) as unknown,
  });
  const dry = await advise('--apply', '--drop-duplicates', '--dry-run');
  expectExit(dry, 0);
  expect(dry.stdout).toMatch(/public\.keys_twin .* drop/);

  expectExit(await runToEnd((offered?.[1] ?? '').split(' ')), 0);
  expectExit(await advise(), 0);
  // More indexes than the source has are no difference.
  expectExit(await runToEnd(['migrate', 'verify', ...ends.all]), 0);
  const undone = await advise('--undo', '--json');
  expectExit(undone, 0);
  expect(JSON.parse(undone.stdout)).toMatchObject({
    undone: expect.arrayContaining([expect.objectContaining({ done: true })]) as unknown,
  });
  expectExit(await advise(), 6);
});
