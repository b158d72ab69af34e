/** Who somebody is at a provider: what their identity is made of. */
export interface ProviderAccount {
  /** The provider's own id of the account; an address may change hands, this does not. */
  readonly subject: string;
  /** In lower case. Undefined: the provider told none. */
  readonly email: string | undefined;
  /** True only where the provider itself says so. */
  readonly emailVerified: boolean;
  /** `identity_data`, without `sub`, `email` and `email_verified`. Absent values are left out. */
  readonly data: Readonly<Record<string, unknown>>;
}

export interface ProviderTokens {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
}

/** The provider answered something that cannot be used. The message is ours and quotes nothing of theirs. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
}

/** Leaves out what is undefined, null or empty: GoTrue's rows hold no such keys either. */
export function present(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return Object.fromEntries(entries);
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
