import type { RequestListener } from 'node:http';
import { completed, type RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { readSealedColumns } from '../foundation/encryption/sealed-columns.ts';
import { Pool } from '../foundation/postgres/pool.ts';
import { makeRestEngine } from '../services/rest/engine.ts';
import { makeIdentify } from '../services/rest/identify.ts';
import { SchemaStore } from '../services/rest/schema-store.ts';
import { errorFields } from './log.ts';
import { databaseAddress } from './database-address.ts';
import type { KeyRing } from './key-ring.ts';
import { listenForReload } from './reload.ts';
import { restAdapter, type RestAdapterOptions } from './rest-adapter.ts';
import { shareOf } from './workers.ts';

interface RunningRest {
  readonly handler: RequestListener;
  /** Resolves when the schema was read, or could not be. */
  warm(): Promise<void>;
  stop(): Promise<void>;
}

/** Wires the REST engine: pool, schema, tokens, and what makes the schema be read anew. */
export function startRest(config: RuntimeConfig, keys: KeyRing, common: RestAdapterOptions): RunningRest {
  const settings = completed('rest', config.rest);
  const address = databaseAddress(config);
  const pool = new Pool(address, {
    size: shareOf(settings.poolSize, config),
    applicationName: 'vectabase rest',
    greeting: 'select vectabase.offer_keys()',
  });
  const readTexts = async (text: string, values: readonly string[]): Promise<string[]> => {
    const statements = [
      { text: `select set_config('search_path', '', true)`, values: [] },
      { text, values },
    ];
    const [, rows] = await pool.run({ begin: 'begin read only', statements, end: 'commit' });
    return (rows ?? []).map(([cell]) => cell ?? 'null');
  };
  const onFailure = (error: unknown): void => common.log.error(errorFields(error), 'the schema cannot be read');
  const schema = new SchemaStore(readTexts, { ...settings, onFailure }, async (read, previous) =>
    readSealedColumns(read, config.masterKeyFile, previous),
  );
  const identify = makeIdentify({
    anonRole: settings.anonRole,
    connectionRole: config.database.user,
    roleClaim: completed('jwt', config.jwt).roleClaim,
    verifyToken: () => keys.current().verifyToken,
  });
  const engine = makeRestEngine({ pool, options: settings, schema, identify });
  const listening = listenForReload(address, () => schema.reload(), common.log);
  return {
    handler: restAdapter(engine, common),
    warm: async () => {
      await schema.current().catch(() => undefined);
    },
    stop: async () => {
      schema.stop();
      await listening.stop();
      await pool.close();
    },
  };
}
