import { expect, test } from 'vitest';
import { unitFiles } from '../../../src/operator/provision/install/units/unit-files.ts';
import { installSettings } from '../../support/install-settings.ts';

const settings = installSettings({ postgresMajor: 16, apiPort: 8000 });

async function filesFor(systemd: number): Promise<ReadonlyMap<string, string>> {
  const files = await unitFiles(settings, { systemd });
  return new Map(files.map(({ path, content }) => [path.slice('/etc/'.length), content]));
}

test('units name the port, the major version and the Node of this machine', async () => {
  const files = await filesFor(257);
  expect([...files.keys()]).toContain('systemd/system/postgresql@16-vectabase.service.d/50-vectabase.conf');
  expect(files.get('systemd/system/vectabase-api.socket')).toContain('ListenStream=127.0.0.1:8000\n');
  const daemon = files.get('systemd/system/vectabase.service') ?? '';
  expect(daemon).toMatch(/^ExecStart=\/opt\/vectabase\/current\/node /m);
  expect(daemon).toMatch(/^After=.* postgresql@16-vectabase\.service$/m);
  expect([...files.values()].join('')).not.toMatch(/17-vectabase|54321|\/usr\/bin\/node/);
});

test.each([
  [257, false, true],
  [252, true, true],
  [249, true, false],
])('systemd %i gets what it knows', async (systemd, older, sealed) => {
  const files = await filesFor(systemd);
  expect(files.has('systemd/system/vectabase.service.d/10-older-systemd.conf')).toBe(older);
  const daemon = files.get('systemd/system/vectabase.service') ?? '';
  expect(daemon.includes('LoadCredentialEncrypted=')).toBe(sealed);
  expect(daemon.match(/^LoadCredential.*\/credentials\//gm)).toHaveLength(3);
  expect(daemon.includes('.cred\n')).toBe(sealed);
});
