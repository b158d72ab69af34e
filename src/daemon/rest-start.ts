import type { RequestListener } from 'node:http';
import { DEFINITIONS } from '../foundation/config/definitions.ts';
import type { RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { Pool } from '../foundation/postgres/pool.ts';
import { makeRestEngine } from '../services/rest/engine.ts';
import { makeIdentify } from '../services/rest/identify.ts';
import type { RestOptions } from '../services/rest/options.ts';
import { SchemaStore } from '../services/rest/schema-store.ts';
import { databaseAddress } from './database-address.ts';
import type { KeyRing } from './key-ring.ts';
import { listenForReload } from './reload.ts';
import { restAdapter, type RestAdapterOptions } from './rest-adapter.ts';

interface RunningRest {
  readonly handler: RequestListener;
  stop(): Promise<void>;
}

/** Wires the REST engine: pool, schema, tokens, and what makes the schema be read anew. */
export function startRest(
  config: RuntimeConfig,
  keys: KeyRing,
  common: Omit<RestAdapterOptions, 'serverTiming'>,
): RunningRest {
  const settings = { ...initialSettings(), ...definedOf(config.rest ?? {}) };
  const address = databaseAddress(config);
  const pool = new Pool(address, { size: settings.poolSize, applicationName: 'vectabase rest' });
  const readText = async (text: string, values: readonly string[]): Promise<string> => {
    const [rows] = await pool.run({ begin: 'begin read only', statements: [{ text, values }], end: 'commit' });
    return rows?.[0]?.[0] ?? 'null';
  };
  const schema = new SchemaStore(readText, settings);
  const identify = makeIdentify({
    anonRole: settings.anonRole,
    roleClaim: config.jwt?.roleClaim ?? DEFINITIONS.jwt.roleClaim.initial,
    keys: keys.current,
  });
  const engine = makeRestEngine({ pool, options: settings, schema, identify });
  const listening = listenForReload(address, () => schema.reload(), common.log);
  return {
    handler: restAdapter(engine, { ...common, serverTiming: settings.serverTiming }),
    stop: async () => {
      schema.stop();
      await listening.stop();
      await pool.close();
    },
  };
}

function initialSettings(): RestOptions & { readonly poolSize: number } {
  const entries = Object.entries(DEFINITIONS.rest).map(([name, { initial }]) => [name, initial]);
  return Object.fromEntries(entries) as RestOptions & { poolSize: number };
}

function definedOf<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
