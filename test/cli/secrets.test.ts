import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { getSecret, setSecret } from '../../src/operator/secrets/values.ts';
import { canary } from '../support/canary.ts';
import { runCli, type CliRun } from '../support/cli.ts';
import { eventually } from '../support/daemon.ts';
import { openTestStore, scratch } from '../support/secrets.ts';
import { BIN, processesOf } from '../support/up.ts';

/** One installation, and the command on it. All that it prints is searched for canaries. */
function installation() {
  const dir = path.join(scratch(), 'shop');
  const cli = async (words: readonly string[], input?: string, env: Record<string, string> = {}): Promise<CliRun> =>
    runCli(['secrets', ...words], { env: { VECTABASE_DIR: dir, ...env }, ...(input === undefined ? {} : { input }) });
  const put = async (name: string, value: string): Promise<unknown> => setSecret(await openTestStore(dir), name, value);
  const take = async (name: string): Promise<string> => getSecret(await openTestStore(dir), name);
  return { dir, cli, put, take };
}

interface ErrorJson {
  readonly code: string;
  readonly message: string;
  readonly details: Record<string, unknown>;
}
const errorOf = (run: CliRun): ErrorJson => (JSON.parse(run.stdout) as { error: ErrorJson }).error;

describe('a value', () => {
  test('goes in by a pipe or a file, and comes out to the byte', async () => {
    const { dir, cli } = installation();
    const value = `first "line"\n\tit's $5 \\ #é 😀`;
    const set = await cli(['set', 'ODD'], `${value}\n`);
    expect(set).toMatchObject({ code: 0, stdout: 'ODD is set in production\n', stderr: '' });
    const file = path.join(dir, 'key.pem');
    writeFileSync(file, 'with its end\n');
    await cli(['set', 'PEM', '--exact', '--from-file', file]);
    const [odd, pem, json] = await Promise.all([
      cli(['get', 'ODD']),
      cli(['get', 'PEM']),
      cli(['get', 'ODD', '--json']),
    ]);
    expect([odd.stdout, pem.stdout]).toEqual([value, 'with its end\n']);
    expect(JSON.parse(json.stdout)).toEqual({ environment: 'production', name: 'ODD', value });
  });

  test('on the command line is refused with the reason, and never repeated', async () => {
    const { dir, cli } = installation();
    const value = canary();
    const attempts = [
      ['set', `A=${value}`],
      ['set', 'A', value],
      ['rotate', 'A', value],
      ['get', value],
      ['set', `sk_live_${value}`],
    ];
    const runs = await Promise.all(
      attempts.map(async (words, at) => cli([...words, ...(at % 2 === 0 ? ['--json'] : [])], 'x')),
    );
    expect(runs.map(({ code }) => code)).toEqual([2, 2, 2, 5, 2]);
    expect(runs.map(({ stdout, stderr }) => stdout + stderr).join('')).not.toContain(value);
    expect(runs[0]?.stdout).toContain('"USAGE"');
    expect(runs[0]?.stdout).toContain('history of the shell');
    expect(existsSync(path.join(dir, 'secrets/production.env.age'))).toBe(false);
  });

  test('that is not there is asked for, never guessed', async () => {
    const { cli } = installation();
    const piped = canary(); // never taken for an argument that is left out
    const runs = await Promise.all([
      cli(['recipients', 'add'], piped),
      cli(['diff'], piped),
      cli(['set', 'A'], ''),
      cli(['set', 'A', '--from-file', '/nope']),
      cli(['unset', 'A']),
    ]);
    expect(runs.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2]);
    expect(runs[1]?.stderr).toContain('either another environment or a file');
    expect((await cli(['rotate'], piped)).stdout).toBe('every file is sealed for the list as it is\n');
  });
});

test('list, diff, check and audit tell names, and never a value', async () => {
  const { dir, cli } = installation();
  const value = canary();
  await cli(['import'], `STRIPE_SECRET_KEY=sk_test_abcdefghijkl\nSHARED=${value}\nOWN=1\n`);
  await cli(['import', '-e', 'staging', '--json'], `SHARED=${value}\nOWN=2\nMORE=3\n`);
  const [list, diff, check] = await Promise.all([
    cli(['list', '--json']),
    cli(['diff', 'staging', '--json']),
    cli(['check', '--part', 'stripe', '--json']),
  ]);
  const { secrets } = JSON.parse(list.stdout) as { secrets: Array<{ name: string }> };
  expect(secrets.map(({ name }) => name)).toEqual(['OWN', 'SHARED', 'STRIPE_SECRET_KEY']);
  expect([diff.code, check.code]).toEqual([6, 6]);
  expect(errorOf(diff).details).toMatchObject({
    onlyLeft: ['STRIPE_SECRET_KEY'],
    onlyRight: ['MORE'],
    differing: ['OWN'],
    equal: ['SHARED'],
  });
  const { findings } = errorOf(check).details as { findings: Array<{ name: string; kind: string }> };
  expect(findings).toContainEqual(expect.objectContaining({ name: 'STRIPE_SECRET_KEY', kind: 'test-key' }));
  expect(findings).toContainEqual(expect.objectContaining({ name: 'STRIPE_WEBHOOK_SECRET', kind: 'missing' }));
  const audit = await cli(['audit', '--all']);
  expect(audit).toMatchObject({ code: 0, stderr: '' });
  expect(audit.stdout).toContain('✓ whole');
  const log = path.join(dir, 'secrets/audit/log.jsonl');
  writeFileSync(log, readFileSync(log, 'utf8').replace('"import"', '"export"'));
  const broken = await cli(['audit', '--json']);
  expect(broken.code).toBe(6);
  expect(errorOf(broken)).toMatchObject({
    code: 'SECRETS_AUDIT_BROKEN',
    details: { findings: [{ line: 1, kind: 'edited' }] },
  });
});

test('writers at once lose nothing', async () => {
  const { dir, cli } = installation();
  const names = Array.from({ length: 8 }, (_, index) => `N${index}`); // the first use is among what they race for
  const runs = await Promise.all(names.map(async (name) => cli(['set', name], `value of ${name}`)));
  expect(runs.map(({ code }) => code)).toEqual(names.map(() => 0));
  const store = await openTestStore(dir);
  for (const name of names) expect(await getSecret(store, name)).toBe(`value of ${name}`);
  expect((await cli(['audit'])).stdout).toContain('whole: 16 lines');
});

describe('exec', () => {
  const show = `process.stdout.write(JSON.stringify(process.env))`;
  const spawnCli = (dir: string, words: readonly string[], env: Record<string, string> = {}): ChildProcess =>
    spawn(process.execPath, [BIN, 'secrets', ...words.slice(0, 1), '--dir', dir, ...words.slice(1)], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });

  test('hands over the secrets, and nothing that opens the installation', async () => {
    const { cli } = installation();
    await cli(['import'], 'A=1\nB=two words\nVECTABASE_MASTER_KEY=meant\n');
    const env = {
      VECTABASE_SOURCE_URL: 'postgres://x',
      VECTABASE_REASON: 'r',
      CREDENTIALS_DIRECTORY: '/run/x',
      MINE: 'yes',
    };
    const [all, one] = await Promise.all([
      cli(['exec', '--', process.execPath, '-e', show], '', env),
      cli(['exec', '--only', 'A', '--', process.execPath, '-e', show], '', env),
    ]);
    const seen = JSON.parse(all.stdout) as Record<string, string>;
    expect(seen).toMatchObject({ A: '1', B: 'two words', VECTABASE_MASTER_KEY: 'meant', MINE: 'yes' });
    const ours = (name: string): boolean => name.startsWith('VECTABASE_') || name.startsWith('CRED');
    expect(Object.keys(seen).filter(ours)).toEqual(['VECTABASE_MASTER_KEY']);
    const some = JSON.parse(one.stdout) as Record<string, string>;
    expect(some).toMatchObject({ A: '1', MINE: 'yes' });
    expect(Object.keys(some).filter((name) => name === 'B' || ours(name))).toEqual([]);
  });

  test('hands on words, input and exit code as they are', async () => {
    const { cli } = installation();
    await cli(['set', 'A'], '1');
    const echo = `process.stdin.on('data', (text) => process.stdout.write(text + JSON.stringify(process.argv.slice(1))))
      .on('end', () => process.exit(42))`;
    const [echoed, absent, bare, ended, killed] = await Promise.all([
      cli(['exec', '--', process.execPath, '-e', echo, '--', '--json', '-x', 'a b', ''], 'piped '),
      cli(['exec', '--', 'no-such-program']),
      cli(['exec', 'true']),
      cli(['exec', '--', 'sh', '-c', 'kill -TERM $$']),
      cli(['exec', '--', 'sh', '-c', 'kill -KILL $$']),
    ]);
    expect(echoed).toMatchObject({ code: 42, stdout: 'piped ["--json","-x","a b",""]', stderr: '' });
    expect([absent.code, bare.code, ended.signal, killed.code]).toEqual([2, 2, 'SIGTERM', 137]);
  });

  test('passes signals on, and lives until the program ends', async () => {
    const { dir, put } = installation();
    await put('A', '1');
    const program = `for (const name of ['SIGTERM', 'SIGUSR2']) process.on(name, () => console.log(name));
      process.on('SIGINT', () => { console.log('SIGINT'); process.exit(5); });
      setInterval(() => undefined, 1000); console.log('ready');`;
    const child = spawnCli(dir, ['exec', '--', process.execPath, '-e', program]);
    const closed = once(child, 'close'); // it may be gone by the time that its last word is seen
    let said = '';
    child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await eventually(() => said.includes('ready'));
    for (const signal of ['SIGTERM', 'SIGUSR2', 'SIGTERM', 'SIGINT'] as const) {
      const before = said.length;
      child.kill(signal);
      await eventually(() => said.slice(before).includes(signal));
    }
    expect(await closed).toEqual([5, null]);
  });

  test('leaves values in the memory of that program alone: no command line, no other environment', async () => {
    const { dir, put } = installation();
    const value = canary();
    await put('A', value);
    const body = 'console.log(process.pid); setInterval(() => undefined, 1000)';
    const child = spawnCli(dir, ['exec', '--', process.execPath, '-e', body]);
    const [first] = (await once(child.stdout ?? child, 'data')) as [Buffer];
    const holders = readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid))
      .filter((pid) => ['cmdline', 'environ'].some((file) => readSilently(`/proc/${pid}/${file}`).includes(value)));
    child.kill('SIGTERM');
    await once(child, 'close');
    expect(holders).toEqual([first.toString().trim()]);
  });

  test('a core dump holds no value: of the program that has them neither', async () => {
    if (readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim() !== 'core') return; // a core would go elsewhere
    const { dir, put } = installation();
    await put('A', canary()); // what the directory holds is searched when the test is over
    const child = spawn(
      'sh',
      [
        '-c',
        // As a login has it: this process gave it up already, when it opened the store.
        'echo 0x33 > /proc/self/coredump_filter && ulimit -c unlimited && exec "$@"',
        'sh',
        process.execPath,
        BIN,
        'secrets',
        'exec',
        '--dir',
        dir,
        '--',
        process.execPath,
        '-e',
        'process.abort()',
      ],
      {
        env: { PATH: process.env['PATH'] },
        cwd: dir,
        stdio: 'ignore',
      },
    );
    expect(await once(child, 'close')).toEqual([134, null]);
    expect(readdirSync(dir).filter((name) => name.startsWith('core'))).toHaveLength(1);
  });

  describe('edit', () => {
    /** An editor for tests: a program that is given the file. */
    function editor(dir: string, body: string): Record<string, string> {
      mkdirSync(dir, { recursive: true });
      const file = path.join(dir, 'editor.mjs');
      writeFileSync(
        file,
        `import { appendFileSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';\nconst file = process.argv[2];\n${body}\n`,
      );
      return { EDITOR: `${process.execPath} ${file}` };
    }
    const stay = 'writeSync(1, `open ${file}`); setInterval(() => undefined, 1000);';
    /** Of the edit of one process: others on this machine may edit too. */
    const left = ({ pid }: ChildProcess): string[] =>
      readdirSync('/dev/shm').filter((name) => name.startsWith(`vectabase-edit-${pid}-`));

    test('changes, adds and forgets; comments stay; the file was in memory and closed to others', async () => {
      const { dir, cli } = installation();
      await cli(['import'], '# the shop\nA=1\nB=2\n');
      const env = editor(
        dir,
        `appendFileSync(${JSON.stringify(`${dir}/place`)}, file);
         const mode = (statSync(file).mode & 0o777).toString(8);
         if (!file.startsWith('/dev/shm/vectabase-edit-') || mode !== '600') process.exit(9);
         writeFileSync(file, readFileSync(file, 'utf8').replace('A=1', 'A=changed').replace('B=2\\n', '# mine\\nC=3\\n'));`,
      );
      expect(await cli(['edit'], undefined, env)).toMatchObject({
        code: 0,
        stdout: 'production: set A, C; forgot B\n',
      });
      expect((await cli(['export'])).stdout).toBe('A=changed\nC=3\n');
      expect(existsSync(path.dirname(readFileSync(path.join(dir, 'place'), 'utf8')))).toBe(false);
    });

    test('that cannot be read changes nothing, and the error quotes nothing', async () => {
      const { dir, cli, put, take } = installation();
      await put('A', '1');
      const env = { ...editor(dir, `appendFileSync(file, 'A="' + process.env.TEXT);`), TEXT: canary() };
      const run = await cli(['edit', '--no-input', '--json'], undefined, env);
      expect(run.code).toBe(5);
      expect(errorOf(run).message).toMatch(/line 2 opens a quote/);
      expect((await cli(['edit'], undefined, editor(dir, 'process.exit(1)'))).code).toBe(3);
      expect(await take('A')).toBe('1');
    });

    test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('leaves nothing behind after %s', async (signal) => {
      const { dir, put } = installation();
      await put('A', canary());
      const child = spawnCli(dir, ['edit'], editor(dir, stay));
      await once(child.stdout ?? child, 'data');
      expect(left(child)).toHaveLength(1);
      child.kill(signal);
      await once(child, 'close');
      expect(left(child)).toEqual([]);
    });

    test('after a kill -9, the next edit takes away what was left', async () => {
      const { dir, cli, put } = installation();
      await put('A', '1');
      const child = spawnCli(dir, ['edit'], editor(dir, stay));
      await once(child.stdout ?? child, 'data');
      child.kill('SIGKILL');
      await once(child, 'exit');
      for (const each of processesOf(`vectabase-edit-${child.pid}-`)) process.kill(Number(each.split(' ')[0]));
      expect(left(child)).toHaveLength(1);
      await cli(['edit'], undefined, editor(dir, ''));
      expect(left(child)).toEqual([]);
    });
  });
});

function readSilently(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // gone, or not ours
  }
}
