import type { DatabaseAddress } from '../../foundation/postgres/address.ts';
import { Session } from '../../foundation/postgres/session.ts';
import { entriesOf, prunedFrom } from './catalog/view.ts';
import { readCatalogues, type Repository } from './repository.ts';

export interface TimelineWatch {
  /**
   * Since when a server writes on a timeline that the newest base backup is not of, in milliseconds since the epoch;
   * undefined while it is, and where there is none. A return to a second leaves the timeline of all backups: what is
   * written from then on needs the old base and all WAL up to the turn.
   *
   * @throws VectabaseError DATABASE_UNREACHABLE, CATALOGUE_BROKEN, STORE_UNREACHABLE
   */
  leftAt(repository: Repository, signal: AbortSignal): Promise<number | undefined>;
}

/** Asks the server each time, and the catalogue only when the timeline is another one than before. */
export function watchTimeline(address: DatabaseAddress): TimelineWatch {
  let covered: string | undefined;
  return {
    leftAt: async (repository, signal) => {
      const server = await readTimeline(address);
      const name = `${server.systemId} ${server.timeline}`;
      if (name === covered) return undefined;
      const newest = await newestBase(repository, server.systemId, signal);
      if (newest !== undefined && newest.timeline !== server.timeline) return server.startedAt;
      if (newest !== undefined) covered = name;
      return undefined;
    },
  };
}

interface ServerTimeline {
  readonly systemId: string;
  readonly timeline: number;
  /** It was there before, unless a standby was promoted. */
  readonly startedAt: number;
}

async function readTimeline(address: DatabaseAddress): Promise<ServerTimeline> {
  const session = await Session.open(address, { applicationName: 'vectabase job' });
  try {
    const [row] = await session.rows<{ system: string; file: string; started: string }>(
      `select system_identifier::text as system, pg_walfile_name(pg_current_wal_insert_lsn()) as file,
         extract(epoch from pg_postmaster_start_time())::text as started from pg_control_system()`,
    );
    if (!row) throw new Error('the database does not tell which timeline it is on');
    const timeline = Number.parseInt(row.file.slice(0, 8), 16);
    return { systemId: row.system, timeline, startedAt: Number(row.started) * 1_000 };
  } finally {
    await session.close();
  }
}

async function newestBase(
  repository: Repository,
  systemId: string,
  signal: AbortSignal,
): Promise<{ readonly timeline: number } | undefined> {
  const [catalogue] = await readCatalogues({ ...repository, systemId }, signal);
  if (!catalogue) return undefined;
  const gone = prunedFrom(catalogue.documents, catalogue.store);
  const bases = entriesOf(catalogue.documents, 'base').filter(({ entry }) => !gone.has(`base/${entry.label}`));
  return bases.at(-1)?.entry.end;
}
