import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import Install from '../../../src/commands/install.ts';
import Status from '../../../src/commands/status.ts';
import Upgrade from '../../../src/commands/upgrade.ts';
import { assetPath } from '../../../src/foundation/core/assets.ts';
import { run } from '../../../src/foundation/process/run.ts';

const root = assetPath('ansible');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.yml'));
const textOf = (file: string): string => readFileSync(path.join(root, file), 'utf8');

/** Flags in words of a command line, wherever they stand in a file. */
const flagsIn = (text: string): string[] => [
  ...new Set([...text.matchAll(/--([a-z][a-z0-9-]*)/g)].map(([, name = '']) => name)),
];

test.each(files)('%s is YAML', (file) => {
  expect(parse(textOf(file))).toBeTruthy();
});

describe('what playbooks call is what there is', () => {
  test.each([
    ['roles/vectabase/tasks/main.yml', Install],
    ['playbooks/status.yml', Status],
    ['playbooks/upgrade.yml', Upgrade],
  ] as const)('%s', (file, command) => {
    const known = Object.keys({ ...command.baseFlags, ...command.flags, json: true, check: true });
    const commands = textOf(file).replaceAll(/^\s*#.*$/gm, '');
    expect(flagsIn(commands)).toContain('json');
    expect(flagsIn(commands).filter((flag) => !known.includes(flag))).toEqual([]);
  });

  test('every variable of the role has a default, and every default is used', () => {
    const defaults = Object.keys(parse(textOf('roles/vectabase/defaults/main.yml')) as object);
    const tasks = ['main', 'package'].map((name) => textOf(`roles/vectabase/tasks/${name}.yml`)).join('');
    const own = [...tasks.matchAll(/(?:register: |^ {4}|^ {6})(vectabase_\w+)(?:$|:)/gm)].map(([, name]) => name);
    const used = new Set([...tasks.matchAll(/\bvectabase_\w+/g)].map(([name]) => name));
    expect([...used].filter((name) => !defaults.includes(name) && !own.includes(name))).toEqual([]);
    expect(defaults.filter((name) => !used.has(name))).toEqual([]);
  });
});

const ansible = await run(['ansible-playbook', '--version']);
test.skipIf(ansible.exitCode !== 0)('ansible reads the playbooks (skipped where it is not installed)', async () => {
  for (const playbook of ['install', 'status', 'upgrade']) {
    const argv = [
      'ansible-playbook',
      '--syntax-check',
      '-i',
      'inventory.example.yml',
      `playbooks/${playbook}.yml`,
    ] as const;
    const { exitCode, stderr } = await run(argv, {
      cwd: root,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', ANSIBLE_CONFIG: path.join(root, 'ansible.cfg'), HOME: '/tmp' },
    });
    expect({ playbook, exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ playbook, exitCode: 0, stderr: '' });
  }
});
