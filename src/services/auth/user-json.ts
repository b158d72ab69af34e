import type { FactorRow } from './store/factors.ts';
import type { IdentityRow } from './store/identities.ts';
import type { UserRow } from './store/users.ts';

export interface UserParts {
  readonly identities: readonly IdentityRow[];
  readonly factors: readonly FactorRow[];
}

/** A user as clients read one. Empty columns are left out; metadata, e-mail and phone are always there. */
export function userJson(user: UserRow, { identities, factors }: UserParts): Record<string, unknown> {
  return withoutEmpty({
    id: user.id,
    aud: user.aud ?? '',
    role: user.role ?? '',
    email: user.email ?? '',
    email_confirmed_at: zulu(user.email_confirmed_at),
    invited_at: zulu(user.invited_at),
    phone: user.phone ?? '',
    phone_confirmed_at: zulu(user.phone_confirmed_at),
    confirmation_sent_at: zulu(user.confirmation_sent_at),
    confirmed_at: zulu(user.confirmed_at),
    recovery_sent_at: zulu(user.recovery_sent_at),
    new_email: user.email_change || undefined,
    email_change_sent_at: zulu(user.email_change_sent_at),
    new_phone: user.phone_change || undefined,
    phone_change_sent_at: zulu(user.phone_change_sent_at),
    reauthentication_sent_at: zulu(user.reauthentication_sent_at),
    last_sign_in_at: zulu(user.last_sign_in_at),
    app_metadata: user.raw_app_meta_data ?? {},
    user_metadata: user.raw_user_meta_data ?? {},
    factors: factors.length > 0 ? factors.map(factorJson) : undefined,
    identities: identities.map(identityJson),
    created_at: zulu(user.created_at),
    updated_at: zulu(user.updated_at),
    banned_until: zulu(user.banned_until),
    deleted_at: zulu(user.deleted_at),
    is_anonymous: user.is_anonymous,
  });
}

/** Clients know the row's id as `identity_id`, and the id at the provider as `id`. */
export function identityJson(identity: IdentityRow): Record<string, unknown> {
  return withoutEmpty({
    identity_id: identity.id,
    id: identity.provider_id,
    user_id: identity.user_id,
    identity_data: identity.identity_data ?? {},
    provider: identity.provider,
    last_sign_in_at: zulu(identity.last_sign_in_at),
    created_at: zulu(identity.created_at),
    updated_at: zulu(identity.updated_at),
    email: identity.email || undefined,
  });
}

/** Never with its secret. */
export function factorJson(factor: FactorRow): Record<string, unknown> {
  return withoutEmpty({
    id: factor.id,
    created_at: zulu(factor.created_at),
    updated_at: zulu(factor.updated_at),
    status: factor.status,
    friendly_name: factor.friendly_name || undefined,
    factor_type: factor.factor_type,
    phone: factor.phone || undefined,
    last_challenged_at: zulu(factor.last_challenged_at),
  });
}

/** RFC 3339 in UTC, as Go writes it. */
function zulu(moment: string | null): string | undefined {
  if (moment === null) return undefined;
  return moment.endsWith('+00:00') ? `${moment.slice(0, -6)}Z` : new Date(moment).toISOString();
}

function withoutEmpty(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
