import { present, ProviderError, textOf, type ProviderAccount } from './account.ts';

/** Claims that are about the token and not about the person. */
const TECHNICAL = new Set(['aud', 'exp', 'iat', 'nbf', 'jti', 'azp', 'at_hash', 'c_hash', 's_hash', 'nonce', 'sid']);
/** Claims with a place of their own in `identity_data`. */
const STANDARD = new Set([
  'iss',
  'sub',
  'email',
  'email_verified',
  'phone_verified',
  'name',
  'given_name',
  'family_name',
  'middle_name',
  'nickname',
  'preferred_username',
  'profile',
  'picture',
  'website',
  'gender',
  'birthdate',
  'zoneinfo',
  'locale',
  'updated_at',
  'auth_time',
  'acr',
  'amr',
]);

/** Reads the claims of an id_token, or of the userinfo endpoint, whose signature and audience are checked already. */
export function openidAccount(claims: Readonly<Record<string, unknown>>): ProviderAccount {
  const subject = textOf(claims['sub']);
  if (subject === undefined) throw new ProviderError('the provider named no account');
  const name = textOf(claims['name']) ?? textOf(claims['nickname']) ?? textOf(claims['preferred_username']);
  const picture = textOf(claims['picture']);
  const custom = Object.entries(claims).filter(([key]) => !STANDARD.has(key) && !TECHNICAL.has(key));
  const { preferred_username, given_name, family_name, locale } = claims;
  return {
    subject,
    email: textOf(claims['email'])?.toLowerCase(),
    // Some write it as text. Azure and others leave it out: then it is not verified.
    emailVerified: claims['email_verified'] === true || claims['email_verified'] === 'true',
    data: present({
      iss: claims['iss'],
      provider_id: subject,
      name,
      full_name: name,
      picture,
      avatar_url: picture,
      preferred_username,
      given_name,
      family_name,
      locale,
      ...(custom.length > 0 && { custom_claims: Object.fromEntries(custom) }),
    }),
  };
}
