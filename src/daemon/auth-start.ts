import type { RequestListener } from 'node:http';
import type { Logger } from 'pino';
import type { Settings } from '../foundation/config/definitions.ts';
import { completed, type RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { HashThreads } from '../foundation/crypto/hash-threads.ts';
import { Pool } from '../foundation/postgres/pool.ts';
import type { AuthConfig } from '../services/auth/config.ts';
import type { AuthContext } from '../services/auth/context.ts';
import { makeAuthEngine } from '../services/auth/engine.ts';
import { NO_MAIL, startPostOffice, type PostOffice } from '../services/auth/mail/post-office.ts';
import { prepareLetters } from '../services/auth/mail/prepare.ts';
import { makeProviders } from '../services/auth/oauth/providers.ts';
import { makePasswords } from '../services/auth/passwords.ts';
import { makeRedirects } from '../services/auth/redirects.ts';
import { mailTransport, mailWriter, readSecret } from './auth-mail.ts';
import { AUTH_PATH, authAdapter, type AuthAdapterOptions } from './auth-adapter.ts';
import { databaseAddress } from './database-address.ts';
import type { KeyRing } from './key-ring.ts';
import { errorFields } from './log.ts';
import { shareOf, workerCount } from './workers.ts';

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
  const login = config.authLogin ?? { user: 'supabase_auth_admin' };
  const address = { ...databaseAddress(config), password: undefined, ...login };
  const pool = new Pool(address, {
    size: shareOf(completed('auth', config.auth).poolSize, config),
    applicationName: 'vectabase auth',
  });
  const { external, siteUrl = SITE, ...rest } = completed('auth', config.auth);
  const mail = completed('mail', config.mail);
  const authConfig: AuthConfig = {
    ...rest,
    siteUrl,
    // Without a mail server nobody is written to, and a developer signs up more than thirty people in an hour.
    mail: { ...mail, perHour: mail.smtpHost === undefined ? 0 : mail.perHour },
    get externalUrl() {
      return `${apiUrl()}${AUTH_PATH}`;
    },
  };
  const hasher = new HashThreads();
  const base = {
    database: pool,
    now: Date.now,
    keys: keys.current,
    passwords: makePasswords({ hasher, processes: workerCount(config) }),
    limiter: gate.limiter,
    config: authConfig,
    redirects: makeRedirects({ siteUrl, allowed: rest.redirectUrls }),
    report: (message, { cause, ...fields }) =>
      log.error({ ...fields, ...(cause === undefined ? {} : errorFields(cause)) }, message),
  } satisfies Partial<AuthContext>;
  const office = openPostOffice(config, base, log);
  // The address of the callback is known when the port is.
  const providers = onFirstUse(() => makeProviders(withSecrets(external), `${authConfig.externalUrl}/callback`));
  const engine = makeAuthEngine({
    ...base,
    mail: office,
    get providers() {
      return providers();
    },
  });
  return {
    handler: authAdapter(engine, common),
    stop: async () => {
      await office.stop();
      await pool.close();
      await hasher.close();
    },
  };
}

/** Where a site is while it is being made; the address that Supabase's own tools begin with. */
const SITE = 'http://localhost:3000';

function openPostOffice(
  config: RuntimeConfig,
  context: Pick<AuthContext, 'database' | 'now' | 'config' | 'report'>,
  log: Logger,
): PostOffice {
  const transport = mailTransport(config);
  if (!transport) {
    log.warn('no mail server is set (mail.smtpHost): addresses count as confirmed without a letter');
    return NO_MAIL;
  }
  const { database, now, report } = context;
  const writer = mailWriter(config, log);
  return startPostOffice({
    database,
    now,
    report,
    writer,
    transport,
    prepare: (tx, job) => prepareLetters(tx, job, context),
  });
}

function withSecrets(external: Settings['auth']['external']): Settings['auth']['external'] {
  const entries = Object.entries(external).map(([name, each]) => {
    const { secretFile, secret } = each;
    return [name, { ...each, secret: secret ?? readSecret(secretFile, `auth.external.${name}.secretFile`) }] as const;
  });
  return Object.fromEntries(entries);
}

function onFirstUse<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
