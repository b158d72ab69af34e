import { present, ProviderError, textOf, type ProviderAccount } from './account.ts';

const CDN = 'https://cdn.discordapp.com';

/**
 * Reads Discord's `GET /users/@me`. The address counts as verified only by the field `verified`: dropping it once let
 * anybody take over an account by typing its address into theirs (CVE-2026-41574).
 */
export function discordAccount(issuer: string, user: Readonly<Record<string, unknown>>): ProviderAccount {
  const id = textOf(user['id']);
  if (id === undefined || !/^\d{1,20}$/.test(id)) throw new ProviderError('Discord named no account');
  const name = textOf(user['username']) ?? id;
  const discriminator = textOf(user['discriminator']) ?? '0';
  const picture = avatar(id, discriminator, textOf(user['avatar']));
  return {
    subject: id,
    email: textOf(user['email'])?.toLowerCase(),
    emailVerified: user['verified'] === true,
    data: present({
      iss: issuer,
      provider_id: id,
      name: `${name}#${discriminator}`,
      full_name: name,
      picture,
      avatar_url: picture,
      custom_claims: present({ global_name: user['global_name'] }),
    }),
  };
}

/** Accounts without a picture are given one of a few by their number. GoTrue fails on a discriminator that is no number. */
function avatar(id: string, discriminator: string, hash: string | undefined): string {
  if (hash !== undefined && /^[\w-]+$/.test(hash)) {
    return `${CDN}/avatars/${id}/${hash}.${hash.startsWith('a_') ? 'gif' : 'png'}`;
  }
  const old = /^\d{1,5}$/.test(discriminator) && Number(discriminator) > 0;
  const number = old ? Number(discriminator) % 5 : Number((BigInt(id) >> 22n) % 6n);
  return `${CDN}/embed/avatars/${number}.png`;
}
