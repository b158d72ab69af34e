import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TrixieTree } from '../support/trixie-tree.ts';

describe('the Debian 13 tree', () => {
  let tree: TrixieTree;
  beforeAll(async () => {
    tree = await TrixieTree.boot();
  });
  afterAll(async () => {
    await tree.stop();
  });

  it('runs Debian 13 with systemd as pid 1 and no failed unit', async () => {
    expect((await tree.run(['cat', '/etc/debian_version'])).stdout).toMatch(/^13\./);
    expect((await tree.run(['cat', '/proc/1/comm'])).stdout.trim()).toBe('systemd');
    expect((await tree.run(['systemctl', '--failed', '--plain', '--no-legend'])).stdout.trim()).toBe('');
  });
});
