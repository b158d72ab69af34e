/** Names of a foreign database may hold escape sequences. No command may send one to the terminal of who runs it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectExit, runToEnd, startMigrateCli, type Ends, type MigrateCli } from '../support/migrate-cli.ts';
import type { CliResult } from '../support/cli-events.ts';

let cli: MigrateCli;
let ends: Ends;
/** Clears the screen, sets the window's title, moves the cursor, turns the reading order. */
const NAME = '\u001B[2J\u001B]0;owned\u0007\r\u001B[1A\u202E';
const quoted = `"${NAME}"`;

beforeAll(async () => {
  cli = await startMigrateCli();
  const admin = await cli.bench.admin('source');
  await admin.script(`
    create schema ${quoted};
    create table ${quoted}.${quoted} (${quoted} int primary key, other text collate "C" default '${NAME}');
    insert into ${quoted}.${quoted} values (1, '${NAME}');
    create policy ${quoted} on ${quoted}.${quoted} using (true);
    create sequence ${quoted}."s${NAME}";
    create view public.${quoted} as select * from ${quoted}.${quoted};
    comment on table ${quoted}.${quoted} is '${NAME}';
    alter schema ${quoted} owner to postgres; alter table ${quoted}.${quoted} owner to postgres`);
  await admin.close();
  ends = await cli.target('named');
});
afterAll(async () => cli?.stop());

function expectHarmless({ stdout, stderr }: CliResult): void {
  const found = (stdout + stderr).match(/(?!\n)[\p{Cc}\p{Cf}]/gu) ?? [];
  expect(found.map((character) => character.codePointAt(0))).toEqual([]);
}

async function expectBothHarmless(args: readonly string[], code: number): Promise<void> {
  for (const mode of [[], ['--json']]) {
    const result = await runToEnd([...args, ...mode]);
    expectExit(result, code);
    expectHarmless(mode.length === 0 ? result : { ...result, stdout: result.stdout.replaceAll('\u202E', '') });
  }
}

describe('names with escape sequences', () => {
  test('are shown as they are spelt, by every command', async () => {
    await expectBothHarmless(['migrate', 'plan', ...ends.all], 0);
    const moved = await runToEnd(['migrate', ...ends.all]);
    expectExit(moved, 0);
    expectHarmless(moved);
    expect(moved.stdout).toContain(String.raw`\u{1b}[2J`);
    await expectBothHarmless(['migrate', 'status', ...ends.targetOnly], 0);
    await expectBothHarmless(['migrate', 'verify', ...ends.all], 0);
  });

  test('are shown so in errors', async () => {
    const admin = await cli.bench.admin('target', 'named');
    await admin.script(`drop policy ${quoted} on ${quoted}.${quoted}; insert into ${quoted}.${quoted} values (2)`);
    await expectBothHarmless(['migrate', 'verify', ...ends.all], 6);
    await admin.script(`create view public.built as select * from ${quoted}.${quoted}`);
    await admin.close();
    await expectBothHarmless(['migrate', 'abort', '--confirm', 'named', ...ends.targetOnly], 5);
    const full = await cli.target('named_full');
    const there = await cli.bench.admin('target', 'named_full');
    await there.script(`create schema ${quoted}; create table ${quoted}.${quoted} (a int)`);
    await there.close();
    await expectBothHarmless(['migrate', ...full.all], 5);
    await expectBothHarmless(['migrate', 'plan', ...full.all], 5);
  });
});
