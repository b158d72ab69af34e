import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { assetPath } from '../../../src/foundation/core/assets.ts';
import { describeSettings, loadSettings } from '../../../src/foundation/config/settings.ts';
import { effectOf, insteadOf } from '../../../src/foundation/config/effects.ts';
import { changeSetting, editSettingsFile, howToApply } from '../../../src/operator/provision/configure.ts';

let dir: string;
let file: string;

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'vt-configure-'));
  file = path.join(dir, 'vectabase.yml');
});
afterEach(() => {
  rmSync(dir, { recursive: true });
  for (const name of ['EDITOR', 'VISUAL', 'VECTABASE_API_PORT']) delete process.env[name];
});

const text = (): string => readFileSync(file, 'utf8');

describe('set', () => {
  test('keeps every other line of the file, comments too, and who may read it', async () => {
    writeFileSync(file, '# why\napi:\n  port: 8000 # as agreed\n  cors: [https://a.example]\n\n# end\n', {
      mode: 0o640,
    });
    chmodSync(file, 0o640);
    const result = await changeSetting(dir, 'api.port', '9000');
    expect(result).toEqual({ key: 'api.port', changed: true, effect: 'daemon restart', hiddenBy: null });
    expect(text()).toBe('# why\napi:\n  port: 9000 # as agreed\n  cors: [https://a.example]\n\n# end\n');
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(await changeSetting(dir, 'api.port', '9000')).toMatchObject({ changed: false });
  });

  test('works on the template, all of which is comments, and on no file', async () => {
    const template = readFileSync(assetPath('templates', 'vectabase.yml'), 'utf8');
    writeFileSync(file, template);
    await changeSetting(dir, 'rest.schemas', 'public, api');
    expect(loadSettings({ dir }).settings.rest.schemas).toEqual(['public', 'api']);
    for (const line of template.split('\n')) expect(text()).toContain(line);
    rmSync(file);
    await changeSetting(dir, 'log.level', 'warn');
    expect(text()).toBe('log:\n  level: warn\n');
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('takes a setting out again', async () => {
    writeFileSync(file, 'api:\n  port: 8000\n');
    expect(await changeSetting(dir, 'api.port', undefined)).toMatchObject({ changed: true });
    expect(loadSettings({ dir }).settings.api.port).toBe(54_321);
    expect(await changeSetting(dir, 'api.port', undefined)).toMatchObject({ changed: false });
  });

  test.each([
    ['api.port', 'eighty'],
    ['api.prot', '80'],
    ['api', '{}'],
    ['log.level', 'loud'],
  ])('refuses %s = %s, and writes nothing', async (key, value) => {
    writeFileSync(file, 'api:\n  host: 127.0.0.1\n');
    await expect(changeSetting(dir, key, value)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(text()).toBe('api:\n  host: 127.0.0.1\n');
  });

  test('does not touch a file that it cannot read whole', async () => {
    writeFileSync(file, 'api:\n  port: [1\nlog: {\n');
    await expect(changeSetting(dir, 'log.level', 'warn')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(text()).toBe('api:\n  port: [1\nlog: {\n');
  });

  test('says which variable hides what was written', async () => {
    process.env['VECTABASE_API_PORT'] = '7000';
    expect(await changeSetting(dir, 'api.port', '8000')).toMatchObject({ hiddenBy: 'VECTABASE_API_PORT' });
  });

  test('writers take turns', async () => {
    await Promise.all([
      changeSetting(dir, 'api.port', '8000'),
      changeSetting(dir, 'log.level', 'warn'),
      changeSetting(dir, 'rest.maxRows', '7'),
    ]);
    expect(loadSettings({ dir }).settings).toMatchObject({
      api: { port: 8000 },
      log: { level: 'warn' },
      rest: { maxRows: 7 },
    });
  });

  test('knows of every setting when it counts', () => {
    expect(describeSettings().filter(({ key }) => effectOf(key) === undefined)).toEqual([]);
    expect(insteadOf('postgres.port', '/etc/vectabase')).toBe('install.postgresPort');
    expect(insteadOf('postgres.port', '/home/me/.vectabase')).toBeUndefined();
    expect(howToApply(['next command'], dir)).toBeUndefined();
    expect(howToApply(['daemon restart'], '/etc/vectabase')).toContain('vectabase install');
    expect(howToApply(['daemon restart', 'postgres restart'], dir)).toContain(`vectabase up --dir ${dir}`);
  });
});

describe('edit', () => {
  /** An editor that puts this text into the file. */
  function editor(fresh: string, more = ''): void {
    writeFileSync(path.join(dir, 'fresh'), fresh);
    process.env['EDITOR'] = `sh -c 'cp ${dir}/fresh "$1"; ${more}' editor`;
  }

  test('tells which settings changed', async () => {
    writeFileSync(file, 'api:\n  port: 8000\n');
    editor('# mine\napi:\n  port: 8001\naudit:\n  roles: [anon]\n');
    expect(await editSettingsFile(dir)).toEqual({
      changes: [
        { key: 'api.port', effect: 'daemon restart' },
        { key: 'audit.roles', effect: 'next command' },
      ],
    });
    expect(text()).toContain('# mine');
    expect(existsSync(`${file}.edit`)).toBe(false);
  });

  test('keeps a text with a mistake beside the file, and goes on with it', async () => {
    writeFileSync(file, 'api:\n  port: 8000\n');
    editor('api:\n  prot: 8001\n');
    await expect(editSettingsFile(dir)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      hint: expect.stringContaining(`vectabase config edit --dir ${dir}`) as unknown,
    });
    expect(text()).toBe('api:\n  port: 8000\n');
    process.env['EDITOR'] = `sed -i s/prot/port/`;
    expect(await editSettingsFile(dir)).toEqual({ changes: [{ key: 'api.port', effect: 'daemon restart' }] });
  });

  test('mends a file that was broken by hand', async () => {
    writeFileSync(file, 'api:\n  prot: 8000\n');
    process.env['EDITOR'] = 'sed -i s/prot/port/';
    await editSettingsFile(dir);
    expect(loadSettings({ dir }).settings.api.port).toBe(8000);
  });

  test('overwrites nobody', async () => {
    writeFileSync(file, 'api:\n  port: 8000\n');
    editor('api:\n  port: 8001\n', `echo "# theirs" >> ${file}`);
    await expect(editSettingsFile(dir)).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' });
    expect(text()).toBe('api:\n  port: 8000\n# theirs\n');
  });

  test('an editor that fails changes nothing', async () => {
    process.env['EDITOR'] = 'false';
    await expect(editSettingsFile(dir)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(existsSync(file)).toBe(false);
  });
});
