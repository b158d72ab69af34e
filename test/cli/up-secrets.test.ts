import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { canary, searchBeforeRemoval } from '../support/canary.ts';
import { eventually } from '../support/daemon.ts';
import { runCli } from '../support/cli.ts';
import { noProcessOf, up } from '../support/up.ts';

test('up makes a private key; the daemon reads what is set later, as whatever user it runs', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'vt-up-secrets-'));
  chmodSync(dir, 0o755); // or root's cluster would lie elsewhere, and not be searched
  const running = up(dir);
  try {
    await running.ready();
    expect(statSync(path.join(dir, 'secrets/identity')).mode & 0o777).toBe(0o600);
    const set = await runCli(['secrets', 'set', 'SMTP_PASSWORD', '--dir', dir], { input: canary() });
    expect(set).toMatchObject({ code: 0 });
    await eventually(() => readFileSync(path.join(dir, 'daemon.log'), 'utf8').includes('secrets read'), running.exited);
    const audit = await runCli(['secrets', 'audit', '--dir', dir, '--json']);
    const { findings, accesses } = JSON.parse(audit.stdout) as {
      findings: unknown[];
      accesses: Array<{ operation: string; to?: string; names: string[] }>;
    };
    expect(findings).toEqual([]);
    expect(accesses).toContainEqual(
      expect.objectContaining({ operation: 'load', to: 'auth', names: ['SMTP_PASSWORD'] }),
    );
  } finally {
    expect(await running.stop()).toBe(0);
    searchBeforeRemoval(dir); // the database, its log and the daemon's included
    rmSync(dir, { recursive: true });
  }
  await noProcessOf(dir);
});
