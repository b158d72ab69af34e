import type { DatabaseAddress } from '../../../foundation/postgres/address.ts';
import { runQuery } from '../../../foundation/postgres/queries.ts';
import { Session } from '../../../foundation/postgres/session.ts';
import type { DatabaseFacts } from '../facts.ts';

/** Reads what the checks of the database need, over one read-only connection. */
export async function lookAtDatabase(admin: DatabaseAddress | undefined): Promise<DatabaseFacts> {
  if (admin === undefined) throw new Error('Postgres is not running');
  const session = await Session.open(admin, {
    applicationName: 'vectabase doctor',
    settings: { default_transaction_read_only: 'on', statement_timeout: '10s', search_path: 'pg_catalog' },
  });
  try {
    const list = async <R>(name: string): Promise<R[]> => runQuery<R>(session, 'doctor', name);
    const one = async <R>(name: string): Promise<R> => {
      const [row] = await list<R>(name);
      if (row === undefined) throw new Error(`${name} has no row`);
      return row;
    };
    const settings = await list<DatabaseFacts['settings'][number]>('settings');
    return {
      version: Number(settings.find(({ name }) => name === 'server_version_num')?.setting),
      settings,
      files: await list('files'),
      hba: await list('hba'),
      roles: await list('roles'),
      databases: await list('databases'),
      extensions: await list('extensions'),
      slots: await list('slots'),
      tables: await list('tables'),
      indexes: await list('indexes'),
      activity: await one('activity'),
      archiver: await one('archiver'),
      sequences: await list('sequences'),
    };
  } finally {
    await session.close();
  }
}
