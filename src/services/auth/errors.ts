/** Every code that the clients know, by the status it comes with; one that comes with several has the usual one here. */
const STATUS = {
  unexpected_failure: 500,
  validation_failed: 400,
  bad_json: 400,
  email_exists: 422,
  phone_exists: 422,
  bad_jwt: 403,
  not_admin: 403,
  no_authorization: 401,
  user_not_found: 404,
  session_not_found: 403,
  session_expired: 400,
  refresh_token_not_found: 400,
  refresh_token_already_used: 400,
  flow_state_not_found: 404,
  flow_state_expired: 422,
  flow_state_already_used: 400,
  signup_disabled: 422,
  user_banned: 400,
  provider_email_needs_verification: 400,
  invite_not_found: 404,
  bad_oauth_state: 400,
  bad_oauth_callback: 400,
  oauth_provider_not_supported: 400,
  unexpected_audience: 400,
  single_identity_not_deletable: 422,
  email_conflict_identity_not_deletable: 422,
  identity_already_exists: 422,
  identity_not_found: 422,
  email_provider_disabled: 400,
  phone_provider_disabled: 400,
  too_many_enrolled_mfa_factors: 422,
  mfa_factor_name_conflict: 422,
  mfa_factor_not_found: 404,
  mfa_ip_address_mismatch: 422,
  mfa_challenge_expired: 422,
  mfa_verification_failed: 422,
  mfa_verification_rejected: 403,
  mfa_phone_enroll_not_enabled: 422,
  mfa_phone_verify_not_enabled: 422,
  mfa_totp_enroll_not_enabled: 422,
  mfa_totp_verify_not_enabled: 422,
  mfa_webauthn_enroll_not_enabled: 422,
  mfa_webauthn_verify_not_enabled: 422,
  mfa_verified_factor_exists: 422,
  insufficient_aal: 401,
  captcha_failed: 400,
  manual_linking_disabled: 404,
  sms_send_failed: 422,
  email_not_confirmed: 400,
  phone_not_confirmed: 400,
  user_already_exists: 422,
  conflict: 409,
  provider_disabled: 400,
  user_sso_managed: 422,
  reauthentication_needed: 400,
  reauthentication_not_valid: 422,
  current_password_required: 400,
  current_password_invalid: 400,
  same_password: 422,
  otp_expired: 403,
  otp_disabled: 422,
  weak_password: 422,
  over_request_rate_limit: 429,
  over_email_send_rate_limit: 429,
  over_sms_send_rate_limit: 429,
  bad_code_verifier: 400,
  anonymous_provider_disabled: 422,
  request_timeout: 504,
  invalid_credentials: 400,
  email_address_not_authorized: 400,
  email_address_invalid: 400,
  email_address_not_provided: 400,
  saml_provider_disabled: 404,
  sso_provider_not_found: 404,
  web3_provider_disabled: 404,
  passkey_disabled: 404,
  feature_disabled: 404,
} as const;

export type AuthErrorCode = keyof typeof STATUS;
export type WeakPasswordReason = 'length' | 'characters' | 'pwned';

interface AuthErrorParts {
  /** Only where it differs from the code's usual one. */
  readonly status?: number;
  /** Reasons of `weak_password`. */
  readonly reasons?: readonly WeakPasswordReason[];
  readonly headers?: ReadonlyArray<readonly [name: string, value: string]>;
  readonly cause?: unknown;
}

/** What a client is told: GoTrue's codes, words and status. */
export class AuthError extends Error {
  override readonly name = 'AuthError';
  readonly code: AuthErrorCode;
  readonly status: number;
  readonly reasons: readonly WeakPasswordReason[];
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;

  constructor(code: AuthErrorCode, message: string, parts: AuthErrorParts = {}) {
    super(message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.code = code;
    this.status = parts.status ?? STATUS[code];
    this.reasons = parts.reasons ?? [];
    this.headers = parts.headers ?? [];
  }
}

/** An error of a grant in OAuth's own words: always 400 with `error` and `error_description`. */
export class OAuthError extends Error {
  override readonly name = 'OAuthError';
  readonly error: string;

  constructor(error: string, description: string) {
    super(description);
    this.error = error;
  }
}

/** A database that is away or a queue that is full: clients keep their session at a 5xx and try again. */
export function unavailable(message: string, cause?: unknown): AuthError {
  return new AuthError('unexpected_failure', message, { status: 503, headers: [['Retry-After', '1']], cause });
}
