import { VectabaseError } from '../../../foundation/core/errors.ts';
import { describeAddress } from '../../../foundation/postgres/address.ts';
import { detectPooler, type Pooler } from '../../../foundation/postgres/pooler.ts';
import type { ResourceScope } from '../../../foundation/core/release.ts';
import type { Session } from '../../../foundation/postgres/session.ts';
import type { MigrateEnds } from '../options.ts';
import { openSource } from './source.ts';
import { openTarget } from './target.ts';

export interface Connected {
  /** Holds the snapshot and, through it, the tables of the source. */
  readonly lead: Session;
  /** Holds the lock on the target and keeps the ledger. */
  readonly keeper: Session;
  readonly pooler: Pooler;
}

/**
 * Opens the two sessions that a migration lives on. The kind of connection is found out first, by a probe that sets
 * nothing: behind a transaction pooler our session settings would land on other clients of the owner's app.
 */
export async function connect(ends: MigrateEnds, scope: ResourceScope): Promise<Connected> {
  const pooler = await detectPooler(ends.source, { applicationName: 'vectabase migrate (probe)' });
  if (pooler === 'transaction') {
    throw new VectabaseError('MIGRATE_BLOCKED', {
      message: `${describeAddress(ends.source)} is a transaction pooler: it mixes sessions, so our settings would leak to your app's connections and no snapshot can be held`,
      hint: 'Use the session pooler or the direct connection: the same host with port 5432 (dashboard → Connect). Nothing was changed.',
      details: { pooler, port: ends.source.port },
    });
  }
  const lead = scope.add(await openSource(ends.source), async (session) => session.close());
  const keeper = scope.add(await openTarget(ends.target), async (session) => session.close());
  return { lead, keeper, pooler };
}
