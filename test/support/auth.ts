import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import type { RuntimeConfig } from '../../src/foundation/config/runtime-file.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../src/foundation/postgres/templates.ts';
import { NoWebSocket, startRestServer, type Answer, type Asked, type RestServer } from './rest.ts';

export interface AuthServer extends RestServer {
  /** A request below /auth/v1, with the anonymous key unless headers say otherwise. A body that is no text is sent as JSON. */
  auth(target: string, init?: Omit<Asked, 'body'> & { body?: unknown }): Promise<Answer>;
  /** A fresh client that keeps its session in memory. */
  visitor(options?: {
    autoRefresh?: boolean;
    storage?: Map<string, string>;
    flowType?: 'implicit' | 'pkce';
  }): SupabaseClient;
  /** The client of whoever holds the service key. */
  admin(): SupabaseClient;
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
  const client = (key: string, options: Parameters<AuthServer['visitor']>[0] = {}): SupabaseClient => {
    const kept = options.storage ?? new Map<string, string>();
    const storage = {
      getItem: (name: string) => kept.get(name) ?? null,
      setItem: (name: string, value: string) => void kept.set(name, value),
      removeItem: (name: string) => void kept.delete(name),
    };
    return createClient(server.daemon.url, key, {
      realtime: { transport: NoWebSocket as never },
      auth: {
        storage,
        persistSession: true,
        autoRefreshToken: options.autoRefresh ?? false,
        detectSessionInUrl: false,
        flowType: options.flowType ?? 'implicit',
      },
    });
  };
  return {
    ...server,
    async auth(target, init = {}) {
      const { body, headers = {}, ...rest } = init;
      const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
      const response = await fetch(`${server.daemon.url}/auth/v1${target}`, {
        ...rest,
        ...(text === undefined ? {} : { method: rest.method ?? 'POST', body: text }),
        headers: { apikey: server.keys.anonKey, 'content-type': 'application/json', ...headers },
        redirect: 'manual',
      });
      const answer = await response.text();
      return { status: response.status, headers: response.headers, text: answer, json: answer && JSON.parse(answer) };
    },
    visitor: (options) => client(server.keys.anonKey, options),
    admin: () => client(server.keys.serviceRoleKey),
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

/** Tests come from one address; the limits have tests of their own. */
const UNLIMITED = { limitToken: 0, limitAccount: 0, limitOtp: 0, limitVerify: 0, limitAnonymous: 0, limitMfa: 0 };
