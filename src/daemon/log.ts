import { pino, type Logger } from 'pino';
import { messageOf, VectabaseError } from '../foundation/core/errors.ts';

/**
 * Bytes of lines that are written together: one write a line costs more than the rest of its making. Below 4096, the
 * size that a pipe keeps in one piece, since several workers share it.
 */
const GATHERED = 3_000;
/** Milliseconds that a line waits at most. */
const PATIENCE = 100;

/** JSON lines on stderr; stdout belongs to the ready line. Callers pass chosen fields, never a whole request or config. */
export function openLog(level: string): Logger {
  const destination = pino.destination({ fd: 2, sync: true, minLength: GATHERED });
  // The reader of our stderr may be gone before us. Nobody is left to tell.
  destination.on('error', () => undefined);
  const flush = (): void => {
    try {
      destination.flushSync();
    } catch {
      // As above.
    }
  };
  setInterval(flush, PATIENCE).unref();
  process.once('exit', flush);
  return pino({ level, base: { pid: process.pid }, timestamp: isoTime }, destination);
}

let stamp = { at: 0, text: '' };

/** As pino's own, made once a millisecond. */
function isoTime(): string {
  const now = Date.now();
  if (now !== stamp.at) stamp = { at: now, text: `,"time":"${new Date(now).toISOString()}"` };
  return stamp.text;
}

/** What the log keeps of an error. No `cause` and no own fields: libraries put queries and values there. */
export function errorFields(error: unknown): Record<string, unknown> {
  return {
    error: messageOf(error),
    ...(error instanceof VectabaseError ? { code: error.code } : {}),
    ...(error instanceof Error ? { stack: error.stack } : {}),
  };
}
