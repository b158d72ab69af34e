import { createHmac, generateKeyPairSync } from 'node:crypto';
import { exportJWK, SignJWT, type JWK } from 'jose';
import { describe, expect, test } from 'vitest';
import { parseForeignKeys } from '../../../src/foundation/crypto/key-set.ts';
import { legacySigningKey } from '../../../src/foundation/crypto/signing-keys.ts';
import { makeTokenVerifier } from '../../../src/foundation/crypto/tokens.ts';

const NOW = 1_800_000_000;
const SECRET = 'a secret of more than thirty-two characters';
const CLAIMS = { role: 'authenticated', sub: 'u1' };
const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'] as const;

const pairs = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519'),
};
const jwks = {
  keys: await Promise.all(
    ALGORITHMS.map(async (alg): Promise<JWK> => ({ ...(await exportJWK(pairs[alg].publicKey)), kid: alg, alg })),
  ),
};
const foreign = parseForeignKeys(JSON.stringify(jwks), { createdAt: '2026-11-01T00:00:00.000Z' }) ?? [];
const own = legacySigningKey(SECRET, 'active', NOW * 1000);
const verify = makeTokenVerifier([own, ...foreign]);
const check = async (token: string, now = NOW) => verify(token, now * 1000);

const signed = async (alg: (typeof ALGORITHMS)[number], kid: string | undefined, claims: object = CLAIMS) =>
  new SignJWT({ ...claims })
    .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) })
    .sign(pairs[alg].privateKey);

function forged(header: object, claims: object, secret: string | Buffer): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${part(header)}.${part(claims)}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

describe('keys of others', () => {
  test.each(ALGORITHMS)('%s by its kid, and without one', async (alg) => {
    expect(await check(await signed(alg, alg))).toEqual(CLAIMS);
    expect(await check(await signed(alg, undefined))).toEqual(CLAIMS);
    await expect(check(await signed(alg, 'unknown'))).rejects.toThrow('No suitable key');
  });

  test.each(ALGORITHMS)('the public key of %s is no HMAC secret, in any form', async (alg) => {
    const { publicKey } = pairs[alg];
    const forms = [
      publicKey.export({ format: 'pem', type: 'spki' }),
      publicKey.export({ format: 'der', type: 'spki' }),
      JSON.stringify(jwks.keys.find(({ kid }) => kid === alg)),
    ];
    for (const form of forms) {
      for (const kid of [alg, undefined]) {
        await expect(check(forged({ alg: 'HS256', kid }, CLAIMS, form))).rejects.toThrow('No suitable key');
        const only = makeTokenVerifier(foreign);
        await expect(only(forged({ alg: 'HS256', kid }, CLAIMS, form), NOW * 1000)).rejects.toThrow('algorithm');
      }
    }
  });

  test('a key that the token brings along counts for nothing', async () => {
    const attacker = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = await exportJWK(attacker.publicKey);
    const token = await new SignJWT(CLAIMS)
      .setProtectedHeader({ alg: 'ES256', jwk, jku: 'https://evil.example/keys', kid: 'ES256' })
      .sign(attacker.privateKey);
    await expect(check(token)).rejects.toThrow('No suitable key');
  });
});

describe('times', () => {
  const at = (claims: object) => forged({ alg: 'HS256' }, { ...CLAIMS, ...claims }, SECRET);

  test('are checked again for a token that was good before', async () => {
    const token = at({ exp: NOW + 60 });
    expect(await check(token)).toMatchObject(CLAIMS);
    await expect(check(token, NOW + 3600)).rejects.toThrow('JWT expired');
  });

  test.each([
    [{ exp: NOW - 31 }, 'JWT expired'],
    [{ nbf: NOW + 31 }, 'JWT not yet valid'],
    [{ iat: NOW + 31 }, 'JWT issued at future'],
    [{ exp: 'soon' }, "The JWT 'exp' claim must be a number"],
    [{ aud: 7 }, "The JWT 'aud' claim must be a string or an array of strings"],
  ])('%j', async (claims, message) => {
    await expect(check(at(claims))).rejects.toThrow(message);
  });

  test('half a minute of two clocks is forgiven', async () => {
    expect(await check(at({ exp: NOW - 29, nbf: NOW + 29, iat: NOW + 29 }))).toMatchObject(CLAIMS);
  });

  test('an audience that is asked for', async () => {
    const strict = makeTokenVerifier([own], { audience: 'authenticated' });
    expect(await strict(at({ aud: ['x', 'authenticated'] }), NOW * 1000)).toMatchObject(CLAIMS);
    await expect(strict(at({ aud: 'other' }), NOW * 1000)).rejects.toThrow('JWT not in audience');
  });
});

test.each(['none', 'None', 'nOnE', '', 'HS384', 'hs256'])('algorithm %j is refused', async (alg) => {
  await expect(check(forged({ alg }, CLAIMS, SECRET))).rejects.toThrow(/algorithm|cryptographic/);
  await expect(check(forged({ alg }, CLAIMS, '').replace(/[^.]*$/, ''))).rejects.toThrow(/algorithm|cryptographic/);
});

test('a header that nobody needs is not parsed', async () => {
  const deep = '['.repeat(4_000) + ']'.repeat(4_000);
  const header = Buffer.from(`{"alg":"HS256","x":${deep}}`).toString('base64url');
  const body = `${header}.${Buffer.from(JSON.stringify(CLAIMS)).toString('base64url')}`;
  const token = `${body}.${createHmac('sha256', SECRET).update(body).digest('base64url')}`;
  await expect(check(token)).rejects.toThrow('cryptographic operation');
});

test('what must be understood and is not', async () => {
  const token = forged({ alg: 'HS256', crit: ['exp2'], exp2: 1 }, CLAIMS, SECRET);
  await expect(check(token)).rejects.toThrow('No suitable key');
});
