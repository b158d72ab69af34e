import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSpan } from '../../../src/foundation/core/span.ts';
import { newApiKeys, newOpaqueKey } from '../../../src/foundation/crypto/api-keys.ts';
import { legacySigningKey, newSigningKey, verifies } from '../../../src/foundation/crypto/signing-keys.ts';
import type { InstallationKeys } from '../../../src/foundation/postgres/installation.ts';
import { importKeys, type ImportInput } from '../../../src/operator/keys/import.ts';
import { findRevocable } from '../../../src/operator/keys/revoke.ts';
import { rotateApiKeys, rotateSigningKey } from '../../../src/operator/keys/rotate.ts';
import { describeKeys, startOf } from '../../../src/operator/keys/show.ts';

const NOW = Date.UTC(2026, 10, 1);
const HOUR = 3_600_000;
const api = newApiKeys(NOW);
const keys: InstallationKeys = {
  version: 1,
  ...api,
  passwords: { supabase_admin: 'p1', postgres: 'p2', authenticator: 'p3', supabase_auth_admin: 'p4' },
  signingKeys: [
    await newSigningKey('ES256', 'active', NOW),
    await newSigningKey('ES256', 'standby', NOW),
    legacySigningKey(api.jwtSecret, 'previous', NOW),
  ],
  opaqueKeys: [
    newOpaqueKey('publishable', api.ref, 'default', NOW),
    newOpaqueKey('secret', api.ref, 'default', NOW),
    newOpaqueKey('secret', api.ref, 'billing', NOW),
  ],
  legacyApiKeys: 'accepted',
};
const BOTH = ['publishable', 'secret'] as const;

describe('rotation of API keys', () => {
  test('the old ones of that name end after the overlap, others are not touched', () => {
    const rotated = rotateApiKeys(keys, { kinds: ['secret'], name: 'default', overlap: HOUR, now: NOW });
    expect(rotated.made).toMatchObject([{ kind: 'secret', name: 'default' }]);
    const ends = rotated.keys.opaqueKeys.map(({ kind, name, notAfter }) => [kind, name, notAfter]);
    expect(ends).toEqual([
      ['secret', 'default', undefined],
      ['publishable', 'default', undefined],
      ['secret', 'billing', undefined],
      ['secret', 'default', new Date(NOW + HOUR).toISOString()],
    ]);
  });

  test('a second rotation does not give the oldest more time, and what has ended is dropped', () => {
    const first = rotateApiKeys(keys, { kinds: BOTH, name: 'default', overlap: HOUR, now: NOW }).keys;
    const second = rotateApiKeys(first, { kinds: BOTH, name: 'default', overlap: HOUR, now: NOW + HOUR / 2 }).keys;
    const ends = second.opaqueKeys.filter(({ name }) => name === 'default').map(({ notAfter = 'open' }) => notAfter);
    expect(ends.toSorted((a, b) => a.localeCompare(b))).toEqual([
      ...[1, 1, 1.5, 1.5].map((hours) => new Date(NOW + hours * HOUR).toISOString()),
      'open',
      'open',
    ]);
    const third = rotateApiKeys(second, { kinds: BOTH, name: 'other', overlap: HOUR, now: NOW + 2 * HOUR }).keys;
    expect(third.opaqueKeys.every(({ notAfter }) => notAfter === undefined)).toBe(true);
  });

  test('with no overlap the old ones are gone at once', () => {
    const { opaqueKeys } = rotateApiKeys(keys, { kinds: BOTH, name: 'default', overlap: 0, now: NOW }).keys;
    const old = new Set(keys.opaqueKeys.filter(({ name }) => name === 'default').map(({ key }) => key));
    expect(opaqueKeys.filter(({ key }) => old.has(key))).toEqual([]);
  });
});

describe('rotation of signing keys', () => {
  const input = { alg: undefined, overlap: HOUR, endLegacy: false };

  test('what stood by signs, what signed is accepted for the overlap, another stands by', async () => {
    const [active, standby] = keys.signingKeys;
    const rotated = await rotateSigningKey(keys, { ...input, now: NOW });
    expect(rotated).toMatchObject({ active: { kid: standby?.kid }, previous: { kid: active?.kid }, announced: true });
    const accepted = [NOW + HOUR - 1, NOW + HOUR].map((time) => rotated.previous && verifies(rotated.previous, time));
    expect(accepted).toEqual([true, false]);
  });

  test('any number of rotations leaves one active key, one in standby, and the project secret', async () => {
    const steps = fc.array(
      fc.record({
        alg: fc.constantFrom(undefined, 'ES256' as const, 'EdDSA' as const, 'HS256' as const),
        hours: fc.nat(3),
      }),
      { maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (rotations) => {
        let all = keys;
        let now = NOW;
        for (const { alg, hours } of rotations) {
          now += hours * HOUR;
          const last = all.signingKeys.find(({ status }) => status === 'active');
          all = (await rotateSigningKey(all, { ...input, alg, now })).keys;
          expect(all.signingKeys.find(({ kid }) => kid === last?.kid)?.status).toBe('previous');
        }
        const count = (status: string) => all.signingKeys.filter((key) => key.status === status).length;
        expect([count('active'), count('standby') > 0]).toEqual([1, true]);
        expect(all.signingKeys.find(({ legacy }) => legacy)).toMatchObject({ kid: 'jwt-secret', status: 'previous' });
        expect(new Set(all.signingKeys.map(({ kid }) => kid)).size).toBe(all.signingKeys.length);
      }),
      { numRuns: 20 },
    );
  });

  test('a secret that signed stays for its API keys, unless all shall end', async () => {
    const old = { ...keys, signingKeys: [legacySigningKey(api.jwtSecret, 'active', NOW)] };
    const kept = await rotateSigningKey(old, { ...input, now: NOW });
    expect(kept.previous).toMatchObject({ kid: 'jwt-secret', status: 'previous' });
    expect(kept.previous?.notAfter).toBeUndefined();
    expect(kept.announced).toBe(false);
    const ended = await rotateSigningKey(old, { ...input, overlap: 0, endLegacy: true, now: NOW });
    expect(ended.keys.signingKeys.map(({ status }) => status)).toEqual(['active', 'standby']);
  });
});

describe('import from a hosted project', () => {
  const nothing: ImportInput = {
    jwks: undefined,
    jwksLife: HOUR,
    secret: undefined,
    apiKeys: undefined,
    name: 'imported',
    now: NOW,
  };

  test('the secret, the public keys and the opaque keys are added; a second time nothing is', async () => {
    const hosted = await newSigningKey('ES256', 'active', NOW);
    const secret = 'the secret of a hosted project, 40 characters';
    const input = {
      ...nothing,
      secret: `${secret}\n`,
      jwks: JSON.stringify({ keys: [hosted.publicJwk] }),
      apiKeys:
        '# web\nsb_publishable_aaaaaaaaaaaaaaaaaaaaaa_bbbbbbbb\n\n sb_secret_aaaaaaaaaaaaaaaaaaaaaa_bbbbbbbb \r\n',
    };
    const once = importKeys(keys, input);
    expect(once.value).toMatchObject({
      secret: 'imported',
      verifyOnly: [{ kid: hosted.kid, alg: 'ES256', notAfter: new Date(NOW + HOUR).toISOString() }],
      apiKeys: [{ kind: 'publishable' }, { kind: 'secret' }],
    });
    expect(once.keys.signingKeys).toHaveLength(5);
    expect(once.keys.opaqueKeys).toHaveLength(5);
    const twice = importKeys(once.keys, { ...input, jwksLife: 2 * HOUR });
    expect(twice.value.secret).toBe('known');
    expect([twice.keys.signingKeys.length, twice.keys.opaqueKeys.length]).toEqual([5, 5]);
    expect(twice.keys.signingKeys.at(-1)?.notAfter).toBe(new Date(NOW + 2 * HOUR).toISOString());
  });

  test.each<[string, Partial<ImportInput>, RegExp]>([
    ['no set', { jwks: 'hello' }, /no JSON Web Key Set/],
    ['an empty set', { jwks: '{"keys":[]}' }, /no public key/],
    [
      'a symmetric key',
      { jwks: '{"keys":[{"kty":"oct","k":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}' },
      /no public key/,
    ],
    ['our own set', { jwks: JSON.stringify({ keys: [keys.signingKeys[0]?.publicJwk] }) }, /our own key/],
    ['a short secret', { secret: 'hunter2' }, /shorter than 32/],
    [
      'a legacy key among opaque ones',
      { apiKeys: `sb_secret_aaaaaaaaaaaaaaaaaaaaaa_bbbbbbbb\n${api.anonKey}` },
      /line 2/,
    ],
    ['an empty file', { apiKeys: '\n#\n' }, /no API key/],
  ])('%s is refused, and not quoted', (_what, input, message) => {
    const run = () => importKeys(keys, { ...nothing, ...input });
    expect(run).toThrow(message);
    expect(run).not.toThrow(/hunter2|eyJ|hello/);
  });
});

describe('revocation', () => {
  const [active, standby] = keys.signingKeys;

  test('finds a key as it is shown, whole, and by the start of its id', () => {
    const key = keys.opaqueKeys[1]?.key ?? '';
    for (const text of [key, startOf(key), `${startOf(key)}…`]) {
      const { what, id, revoke } = findRevocable(keys, text);
      expect([what, id]).toEqual(['api', startOf(key)]);
      expect(revoke(keys).opaqueKeys.map((each) => each.key)).not.toContain(key);
      expect(revoke(keys).opaqueKeys).toHaveLength(2);
    }
    const found = findRevocable(keys, standby?.kid.slice(0, 8) ?? '');
    expect(found.revoke(keys).signingKeys.map(({ kid }) => kid)).not.toContain(standby?.kid);
    expect(findRevocable(keys, 'legacy').revoke(keys).legacyApiKeys).toBe('refused');
  });

  test('does not revoke what signs, nor guess, nor repeat a key', () => {
    expect(() => findRevocable(keys, active?.kid ?? '')).toThrow('is the key that signs');
    for (const text of ['', 'sb_secret_', 'default', active?.kid.slice(0, 7) ?? '', '…']) {
      expect(() => findRevocable(keys, text)).toThrow(/there is no key/);
    }
    const pasted = `sb_secret_${'x'.repeat(31)}`;
    expect(() => findRevocable(keys, pasted)).toThrow('there is no key that');
  });
});

test('what is shown holds no secret, unless it was asked for', () => {
  const secrets = [
    api.serviceRoleKey,
    api.jwtSecret,
    ...keys.opaqueKeys.filter(({ kind }) => kind === 'secret').map(({ key }) => key),
  ];
  const open = [api.anonKey, keys.opaqueKeys[0]?.key ?? ''];
  const hidden = [
    ...keys.signingKeys.flatMap(({ privateJwk }) => [privateJwk?.d ?? '-', privateJwk?.k ?? '-']),
    'p1',
    'p2',
    'p3',
  ];
  const shown = (publishable: boolean, secret: boolean) =>
    JSON.stringify(describeKeys(keys, { publishable, secret }, NOW));
  const holds = (text: string, values: string[]) =>
    values.filter((value) => value !== '-' && text.includes(`"${value}"`)).length;
  expect([holds(shown(false, false), secrets), holds(shown(false, false), open)]).toEqual([0, 0]);
  expect([holds(shown(true, false), secrets), holds(shown(true, false), open)]).toEqual([0, 2]);
  expect([holds(shown(true, true), secrets), holds(shown(true, true), open)]).toEqual([4, 2]);
  expect(holds(shown(true, true), hidden)).toBe(0);
});

test.each([
  ['7d', 604_800_000],
  ['12h', 43_200_000],
  ['30m', 1_800_000],
  ['90s', 90_000],
  ['0', 0],
  ['7', undefined],
  ['1w', undefined],
  ['-1d', undefined],
  ['1.5h', undefined],
  ['', undefined],
])('span %s', (text, ms) => {
  expect(parseSpan(text)).toBe(ms);
});
