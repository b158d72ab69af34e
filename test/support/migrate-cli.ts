import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { formatDatabaseUrl, type DatabaseAddress } from '../../src/foundation/postgres/address.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { startCli, type CliResult, type CliRun } from './cli-events.ts';
import { startBench, type Bench } from './migration.ts';

/** Passwords of both ends: given in files and in the environment, they must come back nowhere. */
export const CANARY = { source: 'canary-5ource-s3cret', target: 'canary-t4rget-s3cret' } as const;

export interface MigrateCli {
  readonly bench: Bench;
  readonly source: DatabaseAddress;
  /** Makes a target database and answers the words that lead there. */
  target(name: string): Promise<Ends>;
  /** The same words with other ends. */
  ends(name: string, change: { source?: DatabaseAddress; target?: DatabaseAddress }): Promise<Ends>;
  stop(): Promise<void>;
}

export interface Ends {
  readonly name: string;
  readonly dir: string;
  readonly target: DatabaseAddress;
  readonly all: readonly string[];
  readonly targetOnly: readonly string[];
}

/** A small project on one cluster, room for targets on another, and the real command line between them. */
export async function startMigrateCli(): Promise<MigrateCli> {
  const bench = await startBench();
  try {
    await prepare(bench);
  } catch (error) {
    await bench.stop();
    throw error;
  }
  const source = bench.source.address('postgres', { user: 'postgres', password: CANARY.source, tcp: true });
  const targetOf = (name: string): DatabaseAddress => ({
    ...bench.target.address(name, { tcp: true }),
    password: CANARY.target,
  });
  const ends: MigrateCli['ends'] = async (name, change) => {
    const dir = path.join(bench.folder, name);
    const target = change.target ?? targetOf(name);
    const files = { source: `${dir}.source`, target: `${dir}.target` };
    await writeFile(files.source, formatDatabaseUrl(change.source ?? source, { password: true }), { mode: 0o600 });
    await writeFile(files.target, formatDatabaseUrl(target, { password: true }), { mode: 0o600 });
    const targetOnly = ['--dir', dir, '--target-file', files.target];
    return { name, dir, target, targetOnly, all: [...targetOnly, '--source-file', files.source] };
  };
  return {
    bench,
    source,
    ends,
    target: async (name) => {
      await bench.freshTarget(name);
      return ends(name, {});
    },
    stop: async () => bench.stop(),
  };
}

async function prepare(bench: Bench): Promise<void> {
  const admin = await bench.admin('source');
  await admin.script(await readFile(assetPath('test/fixtures/small-project.sql'), 'utf8'));
  await admin.script(`alter role postgres password '${CANARY.source}'`);
  await admin.close();
  const there = await bench.admin('target');
  await there.script(`alter role supabase_admin password '${CANARY.target}'`);
  await there.close();
}

export interface CliError {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  readonly details: Readonly<Record<string, unknown>>;
  readonly exitCode: number;
}

export async function runToEnd(args: readonly string[], env?: Record<string, string>): Promise<CliResult> {
  return startCli(args, env ? { env } : {}).ended;
}

/** Starts `migrate … --json` and calls `at` once, when the event that `when` waits for comes. */
export async function runAndDisturb(
  args: readonly string[],
  when: (event: Record<string, unknown>) => boolean,
  at: (run: CliRun) => unknown,
): Promise<CliResult> {
  const run = startCli([...args, '--json']);
  let done: Promise<unknown> | undefined;
  run.onEvent((_, event) => {
    if (done === undefined && when(event)) done = Promise.resolve(at(run));
  });
  const result = await run.ended;
  await done;
  expect(done, `never disturbed: ${result.stdout.slice(-500)}${result.stderr}`).toBeDefined();
  return result;
}

/** The error of a run with `--json`: one document in the fixed shape, last on stdout; nothing on stderr. */
export function jsonError(result: CliResult): CliError {
  const { error } = (result.last ?? {}) as { error?: CliError };
  if (error === undefined) throw new Error(`no error in: ${result.stdout.slice(-1000)}${result.stderr}`);
  expect(result.stderr).toBe('');
  expect(error.exitCode).toBe(result.code);
  return error;
}

/** No secret in what a run said or left in its directory. */
export async function expectNoSecret(result: CliResult, dir: string): Promise<void> {
  const files = await readdir(path.join(dir, 'reports')).catch(() => []);
  const texts = await Promise.all(files.map(async (file) => readFile(path.join(dir, 'reports', file), 'utf8')));
  for (const secret of Object.values(CANARY)) {
    expect(result.stdout + result.stderr + texts.join(''), 'a password came back').not.toContain(secret);
  }
}

/** Nothing of the ledger holds a password either. */
export async function expectCleanLedger(target: DatabaseAddress): Promise<void> {
  const session = await Session.open(target, { applicationName: 'test' });
  const [row] = await session.rows<{ text: string }>(
    `select (select coalesce(string_agg(r::text, ''), '') from vectabase_migration.run r)
         || (select coalesce(string_agg(a::text, ''), '') from vectabase_migration.attempt a)
         || (select coalesce(string_agg(s::text, ''), '') from vectabase_migration.step s) as text`,
  );
  await session.close();
  for (const secret of Object.values(CANARY)) expect(row?.text).not.toContain(secret);
}

export interface Refusal {
  readonly code: string;
  readonly exit: number;
  /** What failed and why. */
  readonly message: RegExp;
  /** What to do next. */
  readonly next: RegExp;
}

/** Runs a command line that must be refused, as text and with `--json`; both must say the same. */
export async function expectRefusal(
  args: readonly string[],
  dir: string,
  wanted: Refusal,
  env?: Record<string, string>,
): Promise<CliError> {
  const [text, json] = await Promise.all([runToEnd(args, env), runToEnd([...args, '--json'], env)]);
  const error = jsonError(json);
  const shown = { code: error.code, exit: json.code, text: text.code };
  expect(shown, `${error.message}\n${text.stderr}`).toEqual({
    code: wanted.code,
    exit: wanted.exit,
    text: wanted.exit,
  });
  expect(error.message).toMatch(wanted.message);
  expect(error.hint).toMatch(wanted.next);
  expect(text.stderr).toContain(`error ${error.message}`);
  expect(text.stderr).toContain(`${wanted.code} · exit ${wanted.exit}`);
  for (const line of (error.hint ?? '').split('\n')) expect(text.stderr).toContain(line);
  await expectNoSecret(text, dir);
  await expectNoSecret(json, dir);
  return error;
}

/** The exit code; with another one, what the run said is in the error. */
export function expectExit(result: CliResult, code: number): void {
  expect({ code: result.code, said: result.code === code ? '' : result.stdout.slice(-800) + result.stderr }).toEqual({
    code,
    said: '',
  });
}
