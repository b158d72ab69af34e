import type { Logger } from 'pino';
import { messageOf } from '../foundation/core/errors.ts';
import { sleep } from '../foundation/core/sleep.ts';
import type { DatabaseAddress } from '../foundation/postgres/address.ts';
import { Session } from '../foundation/postgres/session.ts';

/** Milliseconds between attempts to listen again. */
const PAUSE = 1_000;

/**
 * Calls `reload` for NOTIFY pgrst, for SIGUSR1, and after each reconnection, because what was sent while nobody listened
 * is lost.
 */
export function listenForReload(address: DatabaseAddress, reload: () => void, log: Logger): { stop(): Promise<void> } {
  const stopping = new AbortController();
  process.on('SIGUSR1', reload);
  const loop = keepListening(address, reload, log, stopping.signal);
  return {
    stop: async () => {
      process.off('SIGUSR1', reload);
      stopping.abort();
      await loop;
    },
  };
}

async function keepListening(
  address: DatabaseAddress,
  reload: () => void,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const session = await Session.open(address, { applicationName: 'vectabase listener' });
      try {
        // 'reload schema' and 'reload config' are one: the settings in the database are read with the schema.
        session.onNotification(reload);
        await session.script('listen "pgrst"');
        reload();
        await lostOrStopped(session, signal);
      } finally {
        session.destroy();
      }
    } catch (error) {
      log.debug({ reason: messageOf(error) }, 'cannot listen for schema changes');
    }
    await sleep(PAUSE, signal).catch(() => undefined);
  }
}

async function lostOrStopped(session: Session, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    session.onLost(() => resolve());
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
