import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { assetPath } from '../../src/foundation/core/assets.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'vt-config-'));
  writeFileSync(
    path.join(dir, 'vectabase.yml'),
    'api:\n  port: 8000\n  cors: [https://a.example, https://b.example]\n',
  );
});
afterEach(() => rmSync(dir, { recursive: true }));

async function show(args: readonly string[], env: Record<string, string> = {}) {
  return cli(['config', 'show', '--dir', dir, ...args], env);
}

async function cli(words: readonly string[], env: Record<string, string> = {}) {
  const { PATH = '' } = process.env;
  const argv = [assetPath('bin', 'run.js'), ...words];
  return execa(process.execPath, argv, { env: { PATH, ...env }, extendEnv: false, reject: false });
}

test('prints what is in force, and with --sources why', async () => {
  const { stdout, exitCode } = await show(['--sources'], { VECTABASE_LOG_LEVEL: 'warn' });
  expect(exitCode).toBe(0);
  const rows = stdout.split('\n').map((line) => line.split(/ {2,}/));
  expect(rows).toContainEqual(['api.port', '8000', 'file', 'VECTABASE_API_PORT']);
  expect(rows).toContainEqual(['api.cors', 'https://a.example, https://b.example', 'file', 'VECTABASE_API_CORS']);
  expect(rows).toContainEqual(['log.level', 'warn', 'environment', 'VECTABASE_LOG_LEVEL']);
  expect(rows).toContainEqual(['postgres.port', '54322', 'default', 'VECTABASE_POSTGRES_PORT']);
  expect((await show([])).stdout).not.toContain('VECTABASE_');
});

test('--json is one document, with secrets as set or unset alone', async () => {
  const secret = 'postgresql://postgres:hunter2@db.example.com/postgres';
  const { stdout, stderr } = await show(['--json', '--sources'], { VECTABASE_SOURCE_URL: secret });
  const document = JSON.parse(stdout) as Record<string, unknown>;
  expect(document['api.port']).toEqual({ value: 8000, source: 'file', variable: 'VECTABASE_API_PORT' });
  expect(document['source.url']).toEqual({ value: 'set', source: 'environment', variable: 'VECTABASE_SOURCE_URL' });
  expect(document['api.publicUrl']).toMatchObject({ value: null });
  expect(stdout + stderr).not.toContain('hunter2');
  expect(JSON.parse((await show(['--json'])).stdout)).toMatchObject({ 'source.url': { value: 'unset' } });
});

test('a mistake names its place and ends with exit code 2', async () => {
  writeFileSync(path.join(dir, 'vectabase.yml'), 'api:\n  prot: 8000\n');
  const { stdout, exitCode } = await show(['--json']);
  expect(exitCode).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'CONFIG_INVALID', details: { key: 'api.prot' } } });
});

test('with a slip in the file the rest is shown, each place is told, and no hint leads back here', async () => {
  writeFileSync(path.join(dir, 'vectabase.yml'), 'api:\n  port: 8000\n  prot: 1\nlog: {level: loud}\n');
  const shown = await show([]);
  expect(shown.exitCode).toBe(2);
  expect(shown.stdout).toMatch(/^api\.port +8000$/m);
  expect(shown.stderr).toContain(`${dir}/vectabase.yml:3:3`);
  const check = await cli(['config', 'check', '--dir', dir]);
  expect(check.exitCode).toBe(2);
  for (const place of [':3:3: api.prot', ':4:7: log.level']) expect(check.stderr).toContain(place);
  expect(check.stderr).toContain(`vectabase config edit --dir ${dir}`);
  expect(check.stderr).not.toContain('config show');
});

test('db inspect without a name tells which reports there are', async () => {
  const { stdout, exitCode } = await cli(['db', 'inspect']);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^ {2}bloat +space that dead rows hold/m);
  const { reports } = JSON.parse((await cli(['db', 'inspect', '--json'])).stdout) as { reports: unknown[] };
  expect(reports.length).toBe(stdout.split('\n').filter((line) => line.startsWith('  ')).length);
});

test('a warning that nobody can act on is hidden, and others are not', async () => {
  const warn = (text: string): string => `process.emitWarning('${text}', 'ExperimentalWarning');`;
  const script = `import { hideKnownWarnings } from '${assetPath('dist', 'foundation', 'core', 'warnings.js')}';
    hideKnownWarnings(); ${warn('The X25519 Web Crypto API algorithm is an experimental feature')} ${warn('other')}`;
  const { stderr } = await execa(process.execPath, ['--input-type=module', '-e', script]);
  expect([stderr.includes('X25519'), stderr.includes('other')]).toEqual([false, true]);
});
