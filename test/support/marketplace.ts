import type { DatabaseAddress } from '../../src/foundation/postgres/address.ts';
import { Session } from '../../src/foundation/postgres/session.ts';
import { applyTemplates } from '../../src/foundation/postgres/templates.ts';
import { buildStandinSource } from '../../src/operator/demo/standin/build.ts';
import { systemClock } from '../../src/foundation/core/observe.ts';
import type { TestCluster } from './cluster.ts';

/** A database with the owner's schema as it is on the hosted project; with `rows`, filled by the generator. */
export async function marketplace(cluster: TestCluster, name: string, rows?: number): Promise<DatabaseAddress> {
  const address = await cluster.createDatabase(name);
  await within(address, async (session) => {
    const context = { observe: () => undefined, signal: new AbortController().signal, clock: systemClock };
    if (rows !== undefined) await buildStandinSource(session, { rows, seed: 7, specimens: false }, context);
    else for (const area of ['platform', 'hosted', 'marketplace']) await applyTemplates(session, area);
  });
  return address;
}

export async function within<T>(address: DatabaseAddress, body: (session: Session) => Promise<T>): Promise<T> {
  const session = await Session.open(address, { applicationName: 'test' });
  try {
    return await body(session);
  } finally {
    await session.close();
  }
}
