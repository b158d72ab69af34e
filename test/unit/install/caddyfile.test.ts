import { describe, expect, it } from 'vitest';
import { DEFINITIONS, type Settings } from '../../../src/foundation/config/definitions.ts';
import { caddyfiles } from '../../../src/operator/provision/install/edge/caddyfile.ts';
import { toInstallSettings } from '../../../src/operator/provision/install/settings.ts';
import type { InstallSettings } from '../../../src/operator/provision/install/step.ts';

const initial = (section: 'api' | 'install'): object =>
  Object.fromEntries(Object.entries(DEFINITIONS[section]).map(([name, each]) => [name, each.initial]));
const DEFAULTS = toInstallSettings({ api: initial('api'), install: initial('install') } as Pick<
  Settings,
  'api' | 'install'
>);
const withEdge = (more: Partial<InstallSettings>): InstallSettings => {
  return { ...DEFAULTS, edge: 'caddy', publicUrl: 'https://api.shop.example', ...more };
};

describe('what Caddy is told', () => {
  it('gets its own certificate for the host of the public URL', () => {
    const { main, site } = caddyfiles(withEdge({ acmeEmail: 'me@shop.example' }));
    expect(site).toMatch(/^api\.shop\.example \{$/m);
    expect(site).toContain('reverse_proxy 127.0.0.1:54321 {');
    expect(site).not.toContain('tls ');
    expect(main).toContain('email me@shop.example');
  });
  it.each([
    ['its own authority', { certificateAuthority: 'internal' }, 'tls internal'],
    [
      'the certificate of the owner',
      { edge: 'own-certificate' },
      'tls /run/vectabase-edge/certificate.pem /run/vectabase-edge/key.pem',
    ],
    ['another port', { publicUrl: 'https://api.shop.example:8443' }, 'api.shop.example:8443 {'],
    ['another port of the API', { apiPort: 7000 }, 'reverse_proxy 127.0.0.1:7000 {'],
  ] satisfies Array<[string, Partial<InstallSettings>, string]>)('%s', (_, more, expected) => {
    expect(caddyfiles(withEdge(more)).site).toContain(expected);
  });
  it.each([undefined, 'http://api.shop.example', 'https://shop.example/api'])('refuses %s', (publicUrl) => {
    expect(() => caddyfiles(withEdge({ publicUrl }))).toThrow(/public URL|no https address/);
  });
});
