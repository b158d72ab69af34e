import type { Session } from '../../../foundation/postgres/session.ts';
import type { DatabaseAddress } from '../../../foundation/postgres/address.ts';
import { joinSnapshot, openSource, type SourceSnapshot } from '../ends/source.ts';
import { openTarget } from '../ends/target.ts';

/** The connections of the workers: one on each side per worker, opened when first needed, all ended together. */
export class Crew {
  readonly #sources = new Map<string, Promise<Session>>();
  readonly #targets = new Map<string, Promise<Session>>();
  readonly #ends: { source: DatabaseAddress; target: DatabaseAddress };
  readonly #snapshot: SourceSnapshot;

  constructor(ends: { source: DatabaseAddress; target: DatabaseAddress }, snapshot: SourceSnapshot) {
    this.#ends = ends;
    this.#snapshot = snapshot;
  }

  /** A session of this worker's own that sees the snapshot. */
  async source(worker: string): Promise<Session> {
    return openOnce(this.#sources, worker, async () => {
      const session = await openSource(this.#ends.source);
      await joinSnapshot(session, this.#snapshot);
      return session;
    });
  }

  async target(worker: string): Promise<Session> {
    return openOnce(this.#targets, worker, async () => openTarget(this.#ends.target));
  }

  async close(): Promise<void> {
    await this.#forEach(async (session) => session.close());
  }

  /** Ends what the servers are doing for us, and drops the links. Open transactions roll back. */
  async abandon(): Promise<void> {
    await this.#forEach((session) => {
      session.cancel();
      session.destroy();
    });
  }

  async #forEach(end: (session: Session) => unknown): Promise<void> {
    const sessions = await Promise.allSettled([...this.#sources.values(), ...this.#targets.values()]);
    await Promise.all(sessions.map(async (result) => (result.status === 'fulfilled' ? end(result.value) : undefined)));
  }
}

async function openOnce(
  sessions: Map<string, Promise<Session>>,
  worker: string,
  open: () => Promise<Session>,
): Promise<Session> {
  const session = sessions.get(worker) ?? open();
  sessions.set(worker, session);
  return session;
}
