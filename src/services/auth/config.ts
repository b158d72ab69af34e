import type { Settings } from '../../foundation/config/definitions.ts';

/** The section `auth` of the settings, and what only the installation knows. */
export interface AuthConfig extends Omit<AuthSettings, 'siteUrl' | 'external'> {
  readonly siteUrl: string;
  readonly mail: Omit<Settings['mail'], 'smtpPassword' | 'smtpPasswordFile'>;
  /** Where clients reach this service: `https://api.example.com/auth/v1`. Issuer of tokens, base of links in mails. */
  readonly externalUrl: string;
}

type AuthSettings = Settings['auth'];

/** Role and audience of everyone who signs in. */
export const AUDIENCE = 'authenticated';
/** Roles that may use the endpoints below /admin. */
export const ADMIN_ROLES: readonly unknown[] = ['service_role', 'supabase_admin'];
