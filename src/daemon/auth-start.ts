import type { RequestListener } from 'node:http';
import { completed, type RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { Pool } from '../foundation/postgres/pool.ts';
import type { AuthConfig } from '../services/auth/config.ts';
import { NO_MAIL } from '../services/auth/context.ts';
import { makeAuthEngine } from '../services/auth/engine.ts';
import { makePasswords } from '../services/auth/passwords.ts';
import { AUTH_PATH, authAdapter, type AuthAdapterOptions } from './auth-adapter.ts';
import { databaseAddress } from './database-address.ts';
import type { KeyRing } from './key-ring.ts';
import { errorFields } from './log.ts';

interface RunningAuth {
  readonly handler: RequestListener;
  stop(): Promise<void>;
}

interface Common extends AuthAdapterOptions {
  /** Where clients reach us; known once the port is open. */
  readonly apiUrl: () => string;
}

/** Wires the auth service: a pool of its own role, keys, limits, mail. */
export function startAuth(config: RuntimeConfig, keys: KeyRing, { apiUrl, ...common }: Common): RunningAuth {
  const { log, gate } = common;
  const settings = completed('auth', config.auth);
  const login = config.authLogin ?? { user: 'supabase_auth_admin' };
  const address = { ...databaseAddress(config), password: undefined, ...login };
  const pool = new Pool(address, { size: settings.poolSize, applicationName: 'vectabase auth' });
  const authConfig: AuthConfig = {
    ...settings,
    get externalUrl() {
      return `${apiUrl()}${AUTH_PATH}`;
    },
  };
  const engine = makeAuthEngine({
    database: pool,
    now: Date.now,
    keys: keys.current,
    passwords: makePasswords(),
    mail: NO_MAIL,
    limiter: gate.limiter,
    config: authConfig,
    report: (message, { cause, ...fields }) =>
      log.error({ ...fields, ...(cause === undefined ? {} : errorFields(cause)) }, message),
  });
  return {
    handler: authAdapter(engine, common),
    stop: () => pool.close(),
  };
}
