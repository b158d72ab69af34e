import type { DatabaseAddress } from './address.ts';
import { Session } from './session.ts';

/**
 * What stands between us and the server. `session`: one backend for each client, as long as it stays.
 * `transaction`: a backend for each transaction (or statement), so that a `SET` lands on other people's clients.
 */
export type Pooler = 'direct' | 'session' | 'transaction';

export interface DetectPoolerOptions {
  readonly applicationName: string;
  /** Milliseconds that the second client may wait for a backend; 5 000 unless told. */
  readonly patience?: number;
}

/** Two clients, a and b: the order lets no pool that hands out its backends in turn give each client always its own. */
const ORDER = ['a', 'b', 'b', 'a', 'b', 'a', 'a', 'b', 'a', 'b', 'b', 'a'] as const;

/**
 * Tells a direct connection from a session pooler and a transaction pooler. Leaves no state behind: it opens two
 * connections and only selects `pg_backend_pid()`, each time as a transaction of its own.
 *
 * Proof of a transaction pooler: two live clients met the same backend, or one live client met two. Both are
 * impossible elsewhere. Proof of any pooler: the pid announced at start-up is not the backend's.
 *
 * @throws VectabaseError DATABASE_UNREACHABLE, DATABASE_AUTH_FAILED
 */
export async function detectPooler(address: DatabaseAddress, options: DetectPoolerOptions): Promise<Pooler> {
  if (isKnownTransactionPooler(address)) return 'transaction';
  const { applicationName, patience = 5000 } = options;
  const a = await Session.open(address, { applicationName });
  try {
    const first = await backendPid(a);
    const pooled = first !== a.announcedPid;
    const b = await Session.open(address, { applicationName });
    try {
      return await observe({ a, b }, first, pooled, patience);
    } finally {
      if (b.lost === undefined) await b.close();
    }
  } finally {
    await a.close();
  }
}

/** Supabase's own port for transaction mode, of the shared pooler (Supavisor) and the paid one (PgBouncer). */
export function isKnownTransactionPooler({ host, port }: DatabaseAddress): boolean {
  return port === 6543 && /(\.pooler\.supabase\.com|^db\.[a-z0-9]+\.supabase\.co)$/.test(host);
}

async function observe(
  clients: Record<'a' | 'b', Session>,
  first: number,
  pooled: boolean,
  patience: number,
): Promise<Pooler> {
  const seen: Record<'a' | 'b', number | undefined> = { a: first, b: undefined };
  for (const name of ORDER) {
    const pid = await within(patience, backendPid(clients[name]));
    if (pid === 'late') {
      // The pool is full. A transaction pooler would have lent b the backend that a, idle, has given back.
      clients[name].destroy();
      return 'session';
    }
    const other = name === 'a' ? seen.b : seen.a;
    if (pid === other || (seen[name] !== undefined && pid !== seen[name])) return 'transaction';
    seen[name] = pid;
  }
  return pooled ? 'session' : 'direct';
}

async function backendPid(session: Session): Promise<number> {
  const [row] = await session.rows<{ pid: number }>('select pg_backend_pid() as pid');
  return row?.pid ?? NaN;
}

async function within<T>(milliseconds: number, work: Promise<T>): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), milliseconds);
  });
  work.catch(() => undefined); // given up when late: its end is nobody's news
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
