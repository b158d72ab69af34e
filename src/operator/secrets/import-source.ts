import { environment } from '../../foundation/config/environment.ts';
import { VectabaseError } from '../../foundation/core/errors.ts';
import { parseDatabaseUrl, type DatabaseAddress } from '../../foundation/postgres/address.ts';
import { isSqlState } from '../../foundation/postgres/errors.ts';
import { readUrlFile } from '../../foundation/postgres/locate.ts';
import { Session } from '../../foundation/postgres/session.ts';
import { isSecretName } from './dotenv.ts';

export interface SourceSecrets {
  readonly values: ReadonlyMap<string, string>;
  /** What was looked at, and what came of it. */
  readonly places: ReadonlyArray<{ readonly place: string; readonly found: number | 'absent' | 'no right to read' }>;
  /** Names in the source that are none for a variable, and what they became here. */
  readonly renamed: ReadonlyMap<string, string>;
}

/** In Vault, and among the rows with which the Discord bot is configured: where a Supabase project keeps values in its database. */
const PLACES = [
  {
    place: 'vault.decrypted_secrets',
    query: `select coalesce(name, 'VAULT_' || left(id::text, 8)) as name, decrypted_secret as value
              from vault.decrypted_secrets order by 1`,
  },
  {
    place: 'public.bot_config',
    query: 'select key as name, value from public.bot_config where is_secret order by 1',
  },
] as const;

/** @throws VectabaseError USAGE, CONNECTION_STRING_INVALID */
export async function locateSource(
  file: string | undefined,
  ask: (() => Promise<string>) | undefined,
): Promise<DatabaseAddress> {
  const url = (await readUrlFile(file, '--source-file')) ?? environment()['VECTABASE_SOURCE_URL'] ?? (await ask?.());
  if (url !== undefined && url.trim() !== '') return parseDatabaseUrl(url, 'the source connection string');
  throw new VectabaseError('USAGE', {
    message: 'no source given',
    hint: 'Put the connection string into VECTABASE_SOURCE_URL or into a file for --source-file (dashboard → Connect → Session pooler, port 5432).',
  });
}

/** Reads the values that a source's database holds, as far as the role may. The source is only read. */
export async function readSourceSecrets(address: DatabaseAddress): Promise<SourceSecrets> {
  const session = await Session.open(address, {
    applicationName: 'vectabase secrets import',
    settings: { default_transaction_read_only: 'on', search_path: '' },
  });
  const values = new Map<string, string>();
  const renamed = new Map<string, string>();
  const places: Array<SourceSecrets['places'][number]> = [];
  try {
    for (const { place, query } of PLACES) {
      const rows = await readPlace(session, query);
      places.push({ place, found: typeof rows === 'string' ? rows : rows.length });
      if (typeof rows === 'string') continue;
      for (const { name, value } of rows) {
        const usable = isSecretName(name) ? name : asName(name);
        if (usable !== name) renamed.set(name, usable);
        if (value !== null && !values.has(usable)) values.set(usable, value);
      }
    }
  } finally {
    await session.close();
  }
  return { values, places, renamed };
}

interface SourceRow {
  readonly name: string;
  readonly value: string | null;
}

async function readPlace(session: Session, query: string): Promise<SourceRow[] | 'absent' | 'no right to read'> {
  try {
    return await session.rows<{ name: string; value: string | null }>(query);
  } catch (error) {
    if (isSqlState(error, '42P01', '3F000', '42703')) return 'absent';
    if (isSqlState(error, '42501')) return 'no right to read';
    throw error;
  }
}

/** `stripe-key (live)` → `STRIPE_KEY_LIVE`. */
function asName(name: string): string {
  const words = name
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '');
  return /^[A-Z_]/.test(words) ? words.slice(0, 255) : `VAULT_${words}`.slice(0, 255);
}
