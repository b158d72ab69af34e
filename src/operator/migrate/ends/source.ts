import { Session } from '../../../foundation/postgres/session.ts';
import type { DatabaseAddress } from '../../../foundation/postgres/address.ts';

/**
 * How every session on the source is set. All of it matters for exact text: a hosted project prints floats with
 * `extra_float_digits = 0` and loses digits; its database-wide `statement_timeout` of 2 minutes ends long copies;
 * `row_security = off` turns a policy that would silently hide rows into an error. When the link is cut, the server
 * shall notice within a minute, not after two hours: until then it holds our snapshot, our locks and our transactions.
 */
const SOURCE_SETTINGS: Readonly<Record<string, string>> = {
  default_transaction_read_only: 'on',
  statement_timeout: '0',
  jit: 'off', // catalogue queries look dear to the planner and are not: compiling one takes longer than running it
  lock_timeout: '10s',
  idle_in_transaction_session_timeout: '0',
  row_security: 'off',
  search_path: '',
  client_encoding: 'UTF8',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '3',
  tcp_keepalives_idle: '15',
  tcp_keepalives_interval: '15',
  tcp_keepalives_count: '3',
  synchronize_seqscans: 'off',
};

export async function openSource(address: DatabaseAddress): Promise<Session> {
  return Session.open(address, { applicationName: 'vectabase migrate (source)', settings: SOURCE_SETTINGS });
}

/** One instant of the source that several sessions can read. */
export interface SourceSnapshot {
  /** As `pg_export_snapshot` named it; valid while the lead session's transaction lasts. */
  readonly id: string;
  readonly lsn: string;
  /** Time of the snapshot, ISO 8601 with zone. */
  readonly at: string;
}

/**
 * Opens the lead's transaction, holds every table that can be read, and only then takes and exports the snapshot.
 * Nothing is written to the source.
 *
 * ACCESS SHARE stays until the transaction ends, as with pg_dump: a TRUNCATE or a rewriting ALTER TABLE would leave a
 * table empty for our older snapshot, zero rows copied and zero rows verified. LOCK TABLE takes no snapshot itself, so
 * in this order there is no moment between the two.
 */
export async function exportSnapshot(lead: Session): Promise<SourceSnapshot> {
  const tables = await lead.rows<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
       and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') order by 1`,
  );
  await lead.script('begin isolation level repeatable read, read only');
  for (let start = 0; start < tables.length; start += 100) {
    const names = tables.slice(start, start + 100).map(({ name }) => `only ${name}`);
    await lead.script(`lock table ${names.join(', ')} in access share mode`);
  }
  const [row] = await lead.rows<{ id: string; lsn: string; at: string }>(
    `select pg_export_snapshot() as id,
       (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end)::text as lsn,
       to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at`,
  );
  if (!row) throw new Error('no snapshot');
  return row;
}

/** A further session that sees exactly what the lead sees. */
export async function joinSnapshot(session: Session, snapshot: SourceSnapshot): Promise<void> {
  await session.script(
    `begin isolation level repeatable read, read only; set transaction snapshot '${snapshot.id.replaceAll("'", '')}'`,
  );
}

/** Tells whether two connections lead to the same database of the same cluster, now and at a later resume. */
export async function sourceIdentity(session: Session): Promise<string> {
  const [row] = await session.rows<{ identity: string }>(
    `select format('%s/%s/%s', (select system_identifier from pg_control_system()), d.oid, d.datname) as identity
     from pg_database d where datname = current_database()`,
  );
  return row?.identity ?? 'unknown';
}
