import { readFileSync } from 'node:fs';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import jwt from 'jsonwebtoken';
import type { RuntimeConfig } from '../../src/foundation/config/runtime-file.ts';
import { newApiKeys, type ApiKeys } from '../../src/foundation/crypto/api-keys.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../src/foundation/postgres/templates.ts';
import { startTestCluster, type TestCluster } from './cluster.ts';
import { startDaemon, type RunningDaemon } from './daemon.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: unknown;
}

export interface Asked extends Omit<RequestInit, 'headers'> {
  readonly headers?: Record<string, string>;
}

export interface RestServer {
  readonly cluster: TestCluster;
  readonly daemon: RunningDaemon;
  readonly keys: ApiKeys;
  /** The unchanged client, as the page of an anonymous visitor has it. */
  readonly supabase: SupabaseClient;
  /** A client with another key or a user's token. */
  client(options: { key?: string; token?: string; schema?: string }): SupabaseClient;
  /** A raw request below /rest/v1, with the anonymous key unless headers say otherwise. */
  ask(target: string, init?: Asked): Promise<Answer>;
  token(claims: Record<string, unknown>): string;
  /** A superuser's statements in the served database. */
  sql(text: string): Promise<void>;
  stop(): Promise<void>;
}

/** A daemon over a database with the platform's roles and `fixture` in it. */
export async function startRestServer(
  fixture: string,
  more: Partial<RuntimeConfig> = {},
  prepare?: (admin: Session) => Promise<void>,
  opaqueKeys: NonNullable<RuntimeConfig['apiKeys']> = [],
): Promise<RestServer> {
  const cluster = await startTestCluster();
  const address = await cluster.createDatabase('rest');
  const sql = async (text: string): Promise<void> => {
    const admin = await Session.open(address, { applicationName: 'rest fixture' });
    try {
      await admin.script(text);
    } finally {
      await admin.close();
    }
  };
  const admin = await Session.open(address, { applicationName: 'rest fixture' });
  try {
    await applyTemplates(admin, 'platform');
    if (fixture !== '') await admin.script(readFileSync(fixture, 'utf8'));
    await prepare?.(admin);
  } finally {
    await admin.close();
  }
  const keys = newApiKeys(Date.now());
  const apiKeys = [
    { key: keys.anonKey, role: 'anon' },
    { key: keys.serviceRoleKey, role: 'service_role' },
    ...opaqueKeys,
  ];
  const database = cluster.address('rest', { user: 'authenticator' });
  const daemon = await startDaemon({ database, more: { apiKeys, jwt: { secret: keys.jwtSecret }, ...more } });
  const client: RestServer['client'] = ({ key = keys.anonKey, token, schema }) =>
    createClient(daemon.url, key, {
      // Node 20 has no WebSocket, and the client wants to know of one though it opens none.
      realtime: { transport: NoWebSocket as never },
      auth: { persistSession: false, autoRefreshToken: false },
      ...(schema === undefined ? {} : { db: { schema: schema as 'public' } }),
      ...(token === undefined ? {} : { global: { headers: { Authorization: `Bearer ${token}` } } }),
    });
  return {
    cluster,
    daemon,
    keys,
    supabase: client({}),
    client,
    sql,
    async ask(target, init = {}) {
      const { headers = {}, ...rest } = init;
      const response = await fetch(`${daemon.url}/rest/v1${target}`, {
        ...rest,
        headers: { apikey: keys.anonKey, ...headers },
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, text, json: parse(text) };
    },
    token: (claims) => jwt.sign(claims, keys.jwtSecret, { algorithm: 'HS256' }),
    async stop() {
      daemon.process.kill('SIGTERM');
      await daemon.exited;
      await cluster.stop();
    },
  };
}

export class NoWebSocket {
  readonly readyState = 3;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
