import { createHash, randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makeProviders } from '../../../src/services/auth/oauth/providers.ts';
import { passedOn, type Provider } from '../../../src/services/auth/oauth/provider.ts';
import { CLIENT_ID, CLIENT_SECRET, startProviders, type ProviderStandIn } from '../../support/provider-standin.ts';

const CALLBACK = 'https://api.example/auth/v1/callback';
const VERIFIER = 'v'.repeat(43);
let standIn: ProviderStandIn;
let providers: ReadonlyMap<string, Provider>;

beforeAll(async () => {
  standIn = await startProviders();
  standIn.registered.add(CALLBACK);
  const client = { clientId: CLIENT_ID, secret: CLIENT_SECRET };
  providers = makeProviders(
    {
      google: { ...client, issuer: standIn.google },
      discord: { ...client, issuer: standIn.discord, scopes: ['guilds'] },
      off: { ...client, issuer: standIn.google, enabled: false },
    },
    CALLBACK,
  );
});
afterEach(() => standIn.reset());
afterAll(() => standIn?.stop());

function provider(name: string): Provider {
  const found = providers.get(name);
  if (!found) throw new Error(`${name} is not set up`);
  return found;
}

/** Goes to the provider as a browser would, and gives what it sends back with. */
async function visit(name: string, extra = ''): Promise<URLSearchParams> {
  const request = { state: 'the-state', codeVerifier: VERIFIER, scopes: undefined, extra: new URLSearchParams(extra) };
  const response = await fetch(await provider(name).authorizeUrl(request), { redirect: 'manual' });
  return new URL(response.headers.get('location') ?? `${CALLBACK}?error=${response.status}`).searchParams;
}

const signIn = async (name: string, verifier = VERIFIER) => provider(name).redeem(await visit(name), verifier);

describe('Google', () => {
  test('asks for an identity with state, nonce and a challenge, and reads it from the signed id_token', async () => {
    const { account, tokens } = await signIn('google');
    expect(account).toEqual({
      subject: '100000000000000000001',
      email: 'person@mail.example',
      emailVerified: true,
      data: {
        iss: standIn.google,
        provider_id: '100000000000000000001',
        name: 'A Person',
        full_name: 'A Person',
        picture: 'https://pic.example/p.png',
        avatar_url: 'https://pic.example/p.png',
      },
    });
    expect(tokens.refreshToken).toBe(`refresh-${tokens.accessToken}`);
    const asked = Object.fromEntries(standIn.asked.at(-1) ?? []);
    expect(asked).toMatchObject({ scope: 'openid email profile', state: 'the-state', code_challenge_method: 'S256' });
    expect(asked['nonce']).toMatch(/^[\w-]{43}$/);
    expect(JSON.stringify(asked)).not.toContain(VERIFIER);
  });

  const lies: Array<[what: string, lie: Partial<ProviderStandIn['behaviour']>]> = [
    ['another issuer', { claims: (claims) => ({ ...claims, iss: 'https://accounts.google.com' }) }],
    ['another audience', { claims: (claims) => ({ ...claims, aud: 'somebody-else' }) }],
    ['another nonce', { claims: (claims) => ({ ...claims, nonce: 'x' }) }],
    ['no nonce', { claims: (claims) => ({ ...claims, nonce: undefined }) }],
    ['an expired token', { claims: (claims) => ({ ...claims, exp: 1 }) }],
    ['no subject', { claims: (claims) => ({ ...claims, sub: undefined }) }],
    ['a foreign key', { foreignKey: true }],
    ['no signature', { unsigned: true }],
    ['no id_token', { tokenAnswer: { status: 200, body: { access_token: 'a', token_type: 'Bearer' } } }],
    ['an error', { tokenAnswer: { status: 500, body: '<script>alert(1)</script>' } }],
  ];
  test.each(lies)('%s in the answer is refused, in our own words', async (_, lie) => {
    Object.assign(standIn.behaviour, lie);
    await expect(signIn('google')).rejects.toThrow(/^Unable to exchange external code$/);
  });

  test('a code works once, and with its own verifier alone', async () => {
    const back = await visit('google');
    await provider('google').redeem(back, VERIFIER);
    await expect(provider('google').redeem(back, VERIFIER)).rejects.toThrow(/exchange/);
    await expect(signIn('google', 'w'.repeat(43))).rejects.toThrow(/exchange/);
  });

  test('an address counts as verified only when Google says so', async () => {
    for (const verified of [false, undefined]) {
      standIn.behaviour.account = { sub: '1', email: 'A@Mail.Example', verified };
      expect((await signIn('google')).account).toMatchObject({ email: 'a@mail.example', emailVerified: false });
    }
  });
});

describe('an id_token from an app', () => {
  const sha = (text: string) => createHash('sha256').update(text).digest();
  const read = async (claims: Record<string, unknown>, issued: { accessToken?: string; nonce?: string } = {}) =>
    provider('google').readIdToken?.(await standIn.idToken({ sub: '7', email: 'a@b.example', ...claims }), {
      accessToken: issued.accessToken,
      nonce: issued.nonce,
    });

  test('is taken when issuer, audience, nonce and at_hash fit', async () => {
    expect(await read({ email_verified: true })).toMatchObject({ subject: '7', emailVerified: true });
    const nonce = randomBytes(8).toString('hex');
    expect(await read({ nonce: sha(nonce).toString('hex') }, { nonce })).toMatchObject({ emailVerified: false });
    const at_hash = sha('token').subarray(0, 16).toString('base64url');
    expect(await read({ at_hash }, { accessToken: 'token' })).toMatchObject({ subject: '7' });
  });

  test('is refused otherwise', async () => {
    await expect(read({ iss: 'https://appleid.apple.com' })).rejects.toThrow('Bad ID token');
    await expect(read({ aud: 'other' })).rejects.toThrow('Bad ID token');
    await expect(read({ exp: 1 })).rejects.toThrow('Bad ID token');
    await expect(read({ sub: undefined })).rejects.toThrow('Bad ID token');
    await expect(read({ nonce: 'raw' }, { nonce: 'raw' })).rejects.toThrow('Nonces mismatch');
    await expect(read({ nonce: 'x' })).rejects.toThrow('either both exist or not');
    await expect(read({}, { nonce: 'x' })).rejects.toThrow('either both exist or not');
    await expect(read({ at_hash: 'x' }, { accessToken: 'token' })).rejects.toThrow('at_hash');
    standIn.behaviour.unsigned = true;
    await expect(read({})).rejects.toThrow('Bad ID token');
    expect(provider('discord').readIdToken).toBeUndefined();
  });
});

describe('Discord', () => {
  test('reads the account as a hosted project keeps it', async () => {
    standIn.behaviour.account = {
      sub: '80351110224678912',
      name: 'nelly',
      email: 'Nelly@Discord.example',
      verified: true,
      more: { discriminator: '1337', avatar: 'a_8342729096ea3675442027381ff50dfe', global_name: 'Nelly' },
    };
    const picture = 'https://cdn.discordapp.com/avatars/80351110224678912/a_8342729096ea3675442027381ff50dfe.gif';
    expect((await signIn('discord')).account).toEqual({
      subject: '80351110224678912',
      email: 'nelly@discord.example',
      emailVerified: true,
      data: {
        iss: standIn.discord,
        provider_id: '80351110224678912',
        name: 'nelly#1337',
        full_name: 'nelly',
        picture,
        avatar_url: picture,
        custom_claims: { global_name: 'Nelly' },
      },
    });
    expect(standIn.asked.at(-1)?.get('scope')).toBe('email identify guilds');
  });

  test('CVE-2026-41574: an address is not verified because it is there', async () => {
    for (const verified of [false, undefined]) {
      standIn.behaviour.account = { sub: '80351110224678912', name: 'thief', email: 'victim@mail.example', verified };
      expect((await signIn('discord')).account.emailVerified).toBe(false);
    }
    standIn.behaviour.account = { sub: '80351110224678912', name: 'x', more: { verified: 'true' } };
    expect((await signIn('discord')).account.emailVerified).toBe(false);
  });

  test.each([
    ['0', 'embed/avatars/0.png'],
    ['1337', 'embed/avatars/2.png'],
    ['0000', 'embed/avatars/0.png'],
    ['not a number', 'embed/avatars/0.png'],
    [undefined, 'embed/avatars/0.png'],
  ])('no picture, discriminator %j', async (discriminator, picture) => {
    standIn.behaviour.account = { sub: '25165824', name: 'n', more: { discriminator, avatar: null } };
    expect((await signIn('discord')).account.data['avatar_url']).toBe(`https://cdn.discordapp.com/${picture}`);
  });
});

test('what a page may tell a provider', async () => {
  const back = await visit('google', 'prompt=consent&access_type=offline');
  expect(back.get('code')).toMatch(/^\w+$/);
  expect(standIn.asked.at(-1)?.get('prompt')).toBe('consent');
  const kept = passedOn(
    new URLSearchParams('prompt=x&Redirect_URI=https://evil&STATE=1&code_challenge=y&%20nonce=z&login_hint=l'),
  );
  expect([...kept.keys()]).toEqual(['prompt', 'login_hint']);
});

test('one that is switched off is not there; one without an issuer is a mistake', () => {
  expect([...providers.keys()]).toEqual(['google', 'discord']);
  expect(() => makeProviders({ mine: { clientId: 'x' } }, CALLBACK)).toThrow(/needs an issuer/);
});
