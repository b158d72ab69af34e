import { VectabaseError } from '../../foundation/core/errors.ts';
import type { Session } from '../../foundation/postgres/session.ts';

/**
 * Notices a peer that fell silent without closing the link: TCP alone takes eleven minutes or more to give up.
 * Asks every 15 s and reports when an answer takes longer than 45 s.
 *
 * @returns a function that stops it
 */
export function watchPulse(
  session: Session,
  onSilence: (error: Error) => void,
  intervalMs = 15_000,
  patienceMs = 45_000,
): () => void {
  let asked: number | undefined;
  const timer = setInterval(() => {
    if (asked === undefined) {
      asked = Date.now();
      session.rows('select 1').then(
        () => (asked = undefined),
        () => undefined, // a closed link is reported by the session itself
      );
    } else if (Date.now() - asked > patienceMs) {
      clearInterval(timer);
      onSilence(
        new VectabaseError('DATABASE_UNREACHABLE', {
          message: `${session.address.host} has not answered for ${Math.round(patienceMs / 1000)} s`,
        }),
      );
    }
  }, intervalMs);
  return () => clearInterval(timer);
}
