import { readFile } from 'node:fs/promises';
import { assetPath } from '../core/assets.ts';
import { messageOf } from '../core/errors.ts';
import type { DatabaseAddress } from './address.ts';
import { isSqlState } from './errors.ts';
import { Pool } from './pool.ts';
import { Session } from './session.ts';
import { INSTALL_LOCK } from './templates.ts';

/** Where tokens are counted: `database`, by all together; `process`, by each alone. */
export interface StoreNews {
  readonly counts: 'database' | 'process';
  readonly reason?: string;
  /** True when it stays so until the next start. */
  readonly final?: boolean;
}

interface Size {
  readonly capacity: number;
  readonly perSecond: number;
}

interface Granted {
  /** At most what was wanted; 0 when there is not one. */
  readonly granted: number;
  /** Until there is one. */
  readonly waitSeconds: number;
}

export interface TokenStore {
  readonly take: (id: Buffer, wanted: number, size: Size) => Promise<Granted>;
  readonly close: () => Promise<void>;
}

const TAKE = 'select granted, wait_seconds from vectabase.take_tokens($1::bytea, $2, $3, $4)';
const FORGET = 'select vectabase.forget_full_buckets()';
/** Milliseconds: how long an outage is left alone, and how often full buckets are swept. */
const PAUSE = 1_000;
const SWEEP = 60_000;

/** The buckets in the database; in memory while it is away, and for good where there can be no table. */
export function openTokenStore(address: DatabaseAddress, tell: (news: StoreNews) => void): TokenStore {
  const pool = new Pool(address, { size: 2, applicationName: 'vectabase limits', patience: PAUSE });
  const memory = new Map<string, number>();
  let prepared: Promise<void> | undefined;
  let told: string | undefined;
  let awayUntil = 0;
  let sweptAt = performance.now();

  const change = (news: StoreNews): void => {
    if (told === news.counts) return;
    // That all is as it should be is no news at the start.
    if (told !== undefined || news.counts === 'process') tell(news);
    told = news.counts;
  };
  const query = async (text: string, values: readonly string[]) =>
    (await pool.run({ begin: 'begin', statements: [{ text, values }], end: 'commit' }))[0]?.[0];
  const askDatabase = async (id: Buffer, wanted: number, { capacity, perSecond }: Size): Promise<Granted> => {
    const row = await query(TAKE, [`\\x${id.toString('hex')}`, String(wanted), String(capacity), String(perSecond)]);
    return { granted: Number(row?.[0]), waitSeconds: Number(row?.[1]) };
  };
  const sweep = (now: number): void => {
    if (now - sweptAt < SWEEP) return;
    sweptAt = now;
    for (const [id, fullAt] of memory) if (fullAt < now) memory.delete(id);
    query(FORGET, []).catch(() => undefined);
  };

  return {
    take: async (id, wanted, size) => {
      const now = performance.now();
      if (now < awayUntil) return takeFromMemory(memory, id, wanted, size, now);
      try {
        const granted = await askDatabase(id, wanted, size).catch(async (error: unknown) => {
          if (!isSqlState(error, ...NOT_THERE)) throw error;
          prepared ??= install(address).finally(() => {
            prepared = undefined;
          });
          await prepared;
          return askDatabase(id, wanted, size);
        });
        change({ counts: 'database' });
        sweep(now);
        return granted;
      } catch (error) {
        const final = isSqlState(error, ...NOT_THERE);
        awayUntil = final ? Infinity : performance.now() + PAUSE;
        change({ counts: 'process', reason: messageOf(error), final });
        return takeFromMemory(memory, id, wanted, size, now);
      }
    },
    close: () => pool.close(),
  };
}

/** invalid_schema_name, undefined_function, insufficient_privilege, read_only_sql_transaction (a standby) */
const NOT_THERE = ['3F000', '42883', '42501', '25006'];

async function install(address: DatabaseAddress): Promise<void> {
  const text = await readFile(assetPath('templates', 'sql', 'gateway', '0001_rate_limits.sql'), 'utf8');
  const session = await Session.open(address, { applicationName: 'vectabase limits', connectTimeout: 5_000 });
  try {
    // Two daemons that start at once would trip over each other's half-made schema.
    await session.script(`begin; select pg_advisory_xact_lock(${INSTALL_LOCK}); ${text}; commit`);
  } finally {
    await session.close();
  }
}

/** The same bucket, for this process alone. */
function takeFromMemory(memory: Map<string, number>, id: Buffer, wanted: number, size: Size, now: number): Granted {
  const name = id.toString('base64');
  const fullAt = Math.max(memory.get(name) ?? 0, now);
  const available = size.capacity - ((fullAt - now) / 1_000) * size.perSecond;
  const granted = Math.max(0, Math.min(wanted, Math.floor(available + 1e-6)));
  if (granted === 0) return { granted, waitSeconds: (1 - available) / size.perSecond };
  memory.set(name, fullAt + (granted / size.perSecond) * 1_000);
  return { granted, waitSeconds: 0 };
}
