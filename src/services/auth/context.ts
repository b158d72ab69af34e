import type { Pool } from '../../foundation/postgres/pool.ts';
import type { RateLimiter } from '../../foundation/postgres/rate-limiter.ts';
import type { SignToken } from '../../foundation/crypto/token-signer.ts';
import type { VerifyToken } from '../../foundation/crypto/tokens.ts';
import type { AuthConfig } from './config.ts';
import type { PostOffice } from './mail/post-office.ts';
import type { Provider } from './oauth/provider.ts';
import type { Redirects } from './redirects.ts';

/** What every endpoint works with. */
export interface AuthContext {
  readonly database: Pool;
  /** Milliseconds since the epoch. Every time that is written or compared comes from here. */
  readonly now: () => number;
  /** Asked for with each request, since keys change while we run. */
  readonly keys: () => AuthKeys;
  readonly passwords: Passwords;
  readonly mail: PostOffice;
  readonly redirects: Redirects;
  /** Whom people can sign in with, by name. */
  readonly providers: ReadonlyMap<string, Provider>;
  readonly limiter: Pick<RateLimiter, 'take'>;
  readonly config: AuthConfig;
  /** For the log: what failed on our side. Never values of rows, never secrets. */
  readonly report: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

export interface AuthKeys {
  /** Undefined when there is no key to check tokens with. */
  readonly verifyToken: VerifyToken | undefined;
  /** Undefined when there is no key of our own. */
  readonly signToken: SignToken | undefined;
  /** What may be published, at a time in milliseconds. */
  readonly publicKeys: (now: number) => unknown;
}

export interface Passwords {
  /** bcrypt, cost 12. */
  hash(password: string): Promise<string>;
  /**
   * Takes the same time for every account: for one that is unknown, has no password, or has a quicker hash.
   *
   * @param hash empty or null for an account without a password
   * @throws AuthError 503 when too many are waiting
   */
  verify(hash: string | null | undefined, password: string): Promise<{ readonly ok: boolean; readonly weak: boolean }>;
}
