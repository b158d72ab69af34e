import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import type { RuntimeConfig } from '../../src/foundation/config/runtime-file.ts';
import type { ApiKeys } from '../../src/foundation/crypto/api-keys.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../src/foundation/postgres/templates.ts';
import type { TestCluster } from './cluster.ts';
import { startDaemon, type RunningDaemon } from './daemon.ts';
import { NoWebSocket, startRestServer, type Answer, type Asked, type RestServer } from './rest.ts';

export interface AuthClients {
  /** A request below /auth/v1, with the anonymous key unless headers say otherwise. A body that is no text is sent as JSON. */
  auth(target: string, init?: Omit<Asked, 'body'> & { body?: unknown }): Promise<Answer>;
  /** A fresh client that keeps its session in memory. */
  visitor(options?: VisitorOptions): SupabaseClient;
  /** The client of whoever holds the service key. */
  admin(): SupabaseClient;
}

interface VisitorOptions {
  readonly autoRefresh?: boolean;
  /** What the browser keeps. */
  readonly storage?: Map<string, string>;
  readonly flowType?: 'implicit' | 'pkce';
}

export interface AuthServer extends RestServer, AuthClients {
  /** Rows of one statement, as a superuser. */
  rows<R extends Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<R[]>;
}

/** A daemon with the auth service over a fresh database. */
export async function startAuthServer(
  auth: RuntimeConfig['auth'] = {},
  more: Partial<RuntimeConfig> = {},
): Promise<AuthServer> {
  const server = await startRestServer('', { auth: { ...UNLIMITED, ...auth }, ...more }, async (admin) => {
    await applyTemplates(admin, 'mail');
  });
  const address = server.cluster.address('rest');
  return {
    ...server,
    ...clientsOf(server.daemon.url, server.keys),
    async rows(text, values = []) {
      const session = await Session.open(address, { applicationName: 'auth test' });
      try {
        return await session.rows(text, values);
      } finally {
        await session.close();
      }
    },
  };
}

/** A daemon over a database that is there already, with the secret and the keys that its project had. */
export async function startAuthOver(
  cluster: TestCluster,
  database: string,
  keys: ApiKeys,
  auth: RuntimeConfig['auth'] = {},
  more: Partial<RuntimeConfig> = {},
): Promise<AuthClients & { readonly daemon: RunningDaemon; stop(): Promise<void> }> {
  const apiKeys = [
    { key: keys.anonKey, role: 'anon' },
    { key: keys.serviceRoleKey, role: 'service_role' },
  ];
  const daemon = await startDaemon({
    database: cluster.address(database, { user: 'authenticator' }),
    more: {
      apiKeys,
      jwt: { secret: keys.jwtSecret },
      auth: { ...UNLIMITED, ...auth },
      log: { level: 'info' },
      ...more,
    },
  });
  return {
    ...clientsOf(daemon.url, keys),
    daemon,
    async stop() {
      daemon.process.kill('SIGTERM');
      await daemon.exited;
    },
  };
}

/** Tests come from one address; the limits have tests of their own. */
const UNLIMITED = { limitToken: 0, limitAccount: 0, limitOtp: 0, limitVerify: 0, limitAnonymous: 0 };

function clientsOf(url: string, keys: ApiKeys): AuthClients {
  const client = (key: string, options: VisitorOptions = {}): SupabaseClient => {
    const { storage = new Map<string, string>(), autoRefresh = false, flowType = 'implicit' } = options;
    const memory = {
      getItem: (name: string) => storage.get(name) ?? null,
      setItem: (name: string, value: string) => void storage.set(name, value),
      removeItem: (name: string) => void storage.delete(name),
    };
    return createClient(url, key, {
      realtime: { transport: NoWebSocket as never },
      auth: {
        storage: memory,
        persistSession: true,
        autoRefreshToken: autoRefresh,
        detectSessionInUrl: false,
        flowType,
      },
    });
  };
  return {
    async auth(target, init = {}) {
      const { body, headers = {}, ...rest } = init;
      const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
      const response = await fetch(`${url}/auth/v1${target}`, {
        ...rest,
        ...(text === undefined ? {} : { method: rest.method ?? 'POST', body: text }),
        headers: { apikey: keys.anonKey, 'content-type': 'application/json', ...headers },
        redirect: 'manual',
      });
      const answer = await response.text();
      return { status: response.status, headers: response.headers, text: answer, json: answer && JSON.parse(answer) };
    },
    visitor: (options) => client(keys.anonKey, options),
    admin: () => client(keys.serviceRoleKey),
  };
}
