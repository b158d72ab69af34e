import { present, ProviderError, textOf, type ProviderAccount } from './account.ts';

/** Reads GitHub's `GET /user` and `GET /user/emails`: of the addresses, the primary one if it is verified. */
export function githubAccount(
  issuer: string,
  user: Readonly<Record<string, unknown>>,
  emails: readonly unknown[],
): ProviderAccount {
  const id = typeof user['id'] === 'number' ? String(user['id']) : textOf(user['id']);
  if (id === undefined) throw new ProviderError('GitHub named no account');
  const primary = emails.filter(isEmail).find((each) => each.primary === true);
  const login = textOf(user['login']);
  const name = textOf(user['name']) ?? login;
  return {
    subject: id,
    email: primary?.email.toLowerCase(),
    emailVerified: primary?.verified === true,
    data: present({
      iss: issuer,
      provider_id: id,
      name,
      full_name: name,
      preferred_username: login,
      user_name: login,
      avatar_url: user['avatar_url'],
    }),
  };
}

function isEmail(value: unknown): value is { email: string; primary?: unknown; verified?: unknown } {
  return typeof value === 'object' && value !== null && 'email' in value && textOf(value.email) !== undefined;
}
