import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';
import { ERROR_CATALOGUE } from '../../src/foundation/core/error-catalogue.ts';
import { EXIT_CODES } from '../../src/foundation/core/exit-codes.ts';
import { runCli, type CliRun } from '../support/cli.ts';

/** A value that stands for a secret: given on the command line, it must never come back. */
const CANARY = 'canary5up3rs3cr3t';

interface Flag {
  readonly name: string;
  readonly type: 'boolean' | 'option';
  readonly options?: readonly string[];
}
interface Manifest {
  readonly commands: Readonly<Record<string, { id: string; summary: string; flags: Readonly<Record<string, Flag>> }>>;
}

const manifest = JSON.parse(readFileSync(assetPath('oclif.manifest.json'), 'utf8')) as Manifest;
const commands = Object.values(manifest.commands).map((command) => ({ ...command, words: command.id.split(':') }));

function expectJsonError(run: CliRun, code: string): { message: string; hint: string | null } {
  const document = JSON.parse(run.stdout) as { error: { code: string; message: string; hint: string | null } };
  expect(Object.keys(document)).toEqual(['error']);
  expect(Object.keys(document.error)).toEqual(['code', 'message', 'hint', 'details', 'exitCode']);
  expect(document.error).toMatchObject({ code, exitCode: run.code });
  expect(run.stderr).toBe('');
  return document.error;
}

function expectTextError(run: CliRun, code: string): void {
  expect(run.stdout).toBe('');
  const [first = '', ...rest] = run.stderr.trimEnd().split('\n');
  expect(first).toMatch(/^error [^A-Z]/);
  expect(rest.at(-1)).toBe(`  ${code} · exit ${String(run.code)}`);
}

function expectSilentAboutCanary(run: CliRun): void {
  expect(run.stdout + run.stderr).not.toContain(CANARY);
}

describe.each(commands)('vectabase $id', ({ words, summary, flags }) => {
  /** Every flag that takes a value carries the canary. */
  const canaries = Object.values(flags)
    .filter(({ type }) => type === 'option')
    .map(({ name }) => `--${name}=${CANARY}`);

  test('--help explains it and exits 0', async () => {
    const run = await runCli([...words, '--help']);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toContain(summary);
    // `help help` is the page of all commands.
    for (const { name } of words[0] === 'help' ? [] : Object.values(flags)) expect(run.stdout).toContain(`--${name}`);
  });

  test('an unknown flag is a usage error that repeats no value, in text and in JSON', async () => {
    const [text, json] = await Promise.all([
      runCli([...words, ...canaries, `--nope=${CANARY}`]),
      runCli([...words, ...canaries, `--nope=${CANARY}`, '--json']),
    ]);
    expect([text.code, json.code]).toEqual([2, 2]);
    expectTextError(text, 'USAGE');
    expectJsonError(json, 'USAGE');
    expectSilentAboutCanary(text);
    expectSilentAboutCanary(json);
  });
});

describe('what no command owns', () => {
  test.each([
    ['an unknown command', ['migrat']],
    ['an unknown command that may be a secret', [CANARY]],
    ['an unknown word below a topic', ['config', CANARY]],
    ['a word too many', ['config', 'show', CANARY]],
    ['an unknown flag before any command', [`--nope=${CANARY}`]],
    ['a flag whose value is missing', ['up', '--port']],
    ['a flag whose value is no number', ['up', `--port=${CANARY}`]],
  ])('%s is a usage error, in text and in JSON', async (_, args) => {
    const [text, json] = await Promise.all([runCli(args), runCli([...args, '--json'])]);
    expect([text.code, json.code]).toEqual([2, 2]);
    expectTextError(text, 'USAGE');
    expectJsonError(json, 'USAGE');
    expectSilentAboutCanary(text);
    expectSilentAboutCanary(json);
  });

  test('a mistyped command is told the nearest one', async () => {
    const run = await runCli(['config', 'shwo', '--json']);
    expect(expectJsonError(run, 'USAGE')).toMatchObject({
      message: 'vectabase config has no such command; the nearest is "vectabase config show"',
      hint: 'Run vectabase config --help to see what it takes.',
    });
  });

  test('no command at all prints the commands', async () => {
    const [bare, help, short] = await Promise.all([runCli([]), runCli(['--help']), runCli(['-h'])]);
    expect(bare).toMatchObject({ code: 0, stderr: '' });
    expect(bare.stdout).toContain('COMMANDS');
    expect([help, short]).toEqual([bare, bare]);
  });

  test('--version', async () => {
    const run = await runCli(['--version']);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toMatch(/^vectabase\/\d+\.\d+\.\d+ /);
  });

  test('help COMMAND is COMMAND --help, and help exit-codes tells them all', async () => {
    const [help, flag, codes, json] = await Promise.all([
      runCli(['help', 'config', 'show']),
      runCli(['config', 'show', '--help']),
      runCli(['help', 'exit-codes']),
      runCli(['help', 'exit-codes', '--json']),
    ]);
    expect(help).toEqual(flag);
    expect(codes.stdout.trimEnd().split('\n')).toHaveLength(EXIT_CODES.length);
    expect(JSON.parse(json.stdout)).toEqual({ exitCodes: Object.fromEntries(EXIT_CODES) });
  });

  test('a reader that went away is no error', async () => {
    expect(await runCli(['help', 'exit-codes'], { deaf: true })).toMatchObject({ code: 0, stderr: '' });
  });

  test('DEBUG=vectabase adds the stack, and only then', async () => {
    const [plain, debug] = await Promise.all([
      runCli(['nothing']),
      runCli(['nothing'], { env: { DEBUG: 'vectabase' } }),
    ]);
    expect(plain.stderr).not.toContain('    at ');
    expect(debug.stderr).toContain('    at ');
  });
});

test('every error of the catalogue ends with a documented exit code', () => {
  const documented = new Set(EXIT_CODES.map(([code]) => code));
  for (const [name, { exitCode }] of Object.entries(ERROR_CATALOGUE)) {
    expect(documented.has(exitCode), `${name} exits ${exitCode}`).toBe(true);
  }
});
