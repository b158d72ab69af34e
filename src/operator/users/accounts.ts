import { VectabaseError } from '../../foundation/core/errors.ts';
import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { isSqlState } from '../../foundation/postgres/errors.ts';
import { locateTarget } from '../../foundation/postgres/locate.ts';
import { Session } from '../../foundation/postgres/session.ts';
import { inTransaction } from '../../foundation/postgres/transaction.ts';

/** Who an account is: enough to name it in a question, an answer and the audit log. */
export interface Account {
  readonly id: string;
  readonly email: string | null;
  readonly phone: string | null;
}

/** The database whose accounts the flags mean. @throws VectabaseError as `locateTarget` */
export async function locateUsers(flags: {
  readonly dir: string;
  readonly 'target-file'?: string | undefined;
}): Promise<DatabaseAddress> {
  return locateTarget(flags.dir, flags['target-file']);
}

/** One open connection for the length of a job. */
export async function withUsers<T>(target: DatabaseAddress, body: (session: Session) => Promise<T>): Promise<T> {
  const session = await Session.open(target, { applicationName: 'vectabase users' });
  try {
    return await body(session);
  } catch (error) {
    throw isSqlState(error, '42P01', '3F000') ? noUsers(session) : error;
  } finally {
    await session.close();
  }
}

/**
 * Looks an account up by its id, address or phone number, and holds it while `body` changes it and writes down what
 * was done: all or nothing.
 *
 * @throws VectabaseError USER_NOT_FOUND
 */
export async function changeAccount<T>(
  target: DatabaseAddress,
  who: string,
  body: (session: Session, account: Account) => Promise<T>,
): Promise<{ readonly account: Account; readonly value: T }> {
  return withUsers(target, (session) =>
    inTransaction(session, async () => {
      const account = await findAccount(session, who, 'for update');
      return { account, value: await body(session, account) };
    }),
  );
}

/** @throws VectabaseError USER_NOT_FOUND */
export async function findAccount(session: Session, who: string, lock: '' | 'for update' = ''): Promise<Account> {
  const [found, second] = await session.rows<Account & Record<string, unknown>>(
    `select id, email, phone from auth.users
      where id::text = lower($1) or (lower(email) = lower($1) and not is_sso_user) or phone = ltrim($1, '+')
      order by created_at limit 2 ${lock}`,
    [who],
  );
  if (found && !second) return found;
  throw new VectabaseError('USER_NOT_FOUND', {
    message: found ? `more than one account goes by ${who}` : `no account goes by ${who}`,
    hint: found ? 'Name one by its id: vectabase users list --filter TEXT shows them.' : 'Run vectabase users list.',
    details: { who },
  });
}

/** What a person types to confirm: the address, or the id of an account that has none. */
export function nameOf({ email, phone, id }: Account): string {
  return email ?? phone ?? id;
}

/** Into the log that the auth service keeps, by its names for events. */
export async function writeAudit(
  session: Session,
  action: string,
  logType: 'account' | 'team' | 'user' | 'factor',
  account: Account,
): Promise<void> {
  const payload = {
    action,
    log_type: logType,
    actor_id: NO_ID,
    actor_username: 'operator',
    actor_via_sso: false,
    traits: { user_id: account.id, user_email: account.email ?? '', user_phone: account.phone ?? '' },
  };
  await session.rows(
    `insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address)
       values ($1, gen_random_uuid(), $2, now(), '')`,
    [NO_ID, JSON.stringify(payload)],
  );
}

export const NO_ID = '00000000-0000-0000-0000-000000000000';

function noUsers(session: Session): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: `the database ${session.address.database} has no accounts: its schema auth is not there`,
    hint: 'Run vectabase up once, or name the database with --target-file.',
    details: { database: session.address.database },
  });
}
