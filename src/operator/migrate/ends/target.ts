import { VectabaseError } from '../../../foundation/core/errors.ts';
import { isSqlState } from '../../../foundation/postgres/errors.ts';
import { Session } from '../../../foundation/postgres/session.ts';
import type { DatabaseAddress } from '../../../foundation/postgres/address.ts';

/**
 * How every session on the target is set. `session_replication_role = replica` keeps triggers from firing while rows
 * load; commits need not wait for the disk, because a step and its ledger line are lost or kept together.
 */
const TARGET_SETTINGS: Readonly<Record<string, string>> = {
  session_replication_role: 'replica',
  synchronous_commit: 'off',
  check_function_bodies: 'off',
  statement_timeout: '0',
  jit: 'off', // catalogue queries look dear to the planner and are not: compiling one takes longer than running it
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  default_transaction_read_only: 'off',
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
  client_min_messages: 'error',
};

/**
 * Needs a role that may set `session_replication_role`: a superuser, as `vectabase up` has on its socket.
 *
 * @throws MIGRATE_BLOCKED for another role
 */
export async function openTarget(address: DatabaseAddress): Promise<Session> {
  try {
    const session = await Session.open(address, { applicationName: 'vectabase migrate', settings: TARGET_SETTINGS });
    // Since 17. Functions behind the owner's event triggers would run as our superuser at each statement of ours.
    await session.rows(`select set_config(name, 'off', false) from pg_settings where name = 'event_triggers'`);
    return session;
  } catch (cause) {
    if (!isSqlState(cause, '42501')) throw cause;
    throw new VectabaseError('MIGRATE_BLOCKED', {
      message: `role ${address.user} of the target is no superuser: triggers could not be kept from firing`,
      hint: 'Leave --target-file away to use the installation made by `vectabase up`, or give a superuser. Nothing was changed.',
      details: { role: address.user },
      cause,
    });
  }
}
