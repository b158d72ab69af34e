import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loopDisk, mountForData, type LoopDisk } from '../support/loop-disk.ts';
import { TrixieTree, type RunResult } from '../support/trixie-tree.ts';

const CLI = ['node', '/vectabase/bin/run.js'] as const;

describe('vectabase install on a bare Debian 13', () => {
  let disk: LoopDisk;
  let tree: TrixieTree;
  let before: string;

  beforeAll(async () => {
    disk = await loopDisk(1024, []);
    tree = await TrixieTree.boot({ kind: 'bare', network: 'private', changes: 'disk', devices: [disk.device] });
    await mountForData(tree, disk);
    before = await listing();
  });
  afterAll(async () => {
    await tree.stop();
    await disk.release();
  });

  it('shows a plan and touches nothing', async () => {
    const plan = await install('--dry-run');
    expect(plan.steps.length).toBeGreaterThan(3);
    expect(await listing()).toBe(before);
    expect((await tree.run(['ls', '/var/lib/vectabase'], { check: false })).stdout).toBe('');
  });

  it('installs, and finds nothing to do the second time', async () => {
    await install();
    expect((await install()).changed).toEqual([]);
    expect((await tree.run(['vectabase', 'install', '--json'])).stdout).toMatch(/"changed":\[\]/);
  });

  it('leaves /etc as it was when it is taken away', async () => {
    await uninstall();
    expect(await listing()).toBe(before);
  });

  async function install(...flags: string[]): Promise<InstallAnswer> {
    return resultOf(await tree.run([...CLI, 'install', '--json', ...flags]));
  }

  async function uninstall(...flags: string[]): Promise<void> {
    const name = (await tree.run(['hostname'])).stdout.trim();
    await tree.run([...CLI, 'uninstall', '--json', '--confirm', name, ...flags]);
  }

  /** Every name below /etc with its type, mode, owner and content. */
  async function listing(): Promise<string> {
    const { stdout } = await tree.run(['sh', '-c', LISTING]);
    return stdout;
  }
});

interface InstallAnswer {
  readonly steps: readonly unknown[];
  readonly changed: readonly unknown[];
}

function resultOf({ stdout }: RunResult): InstallAnswer {
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  return JSON.parse(last) as InstallAnswer;
}

/** `passwd-` and its like are useradd's own copies of what was there before its last call. */
const LISTING = String.raw`cd /etc && find . -xdev ! -name 'passwd-' ! -name 'group-' ! -name 'shadow-' ! -name 'gshadow-' \
  \( -type f -printf '%p %M %U:%G ' -exec sha256sum {} \; -o -printf '%p %M %U:%G %l\n' \) | LC_ALL=C sort`;
