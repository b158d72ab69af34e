import { pino, type Logger } from 'pino';
import { messageOf, VectabaseError } from '../foundation/core/errors.ts';

/** JSON lines on stderr; stdout belongs to the ready line. Callers pass chosen fields, never a whole request or config. */
export function openLog(level: string): Logger {
  const destination = pino.destination({ fd: 2, sync: true });
  // The reader of our stderr may be gone before us. Nobody is left to tell.
  destination.on('error', () => undefined);
  return pino({ level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

/** What the log keeps of an error. No `cause` and no own fields: libraries put queries and values there. */
export function errorFields(error: unknown): Record<string, unknown> {
  return {
    error: messageOf(error),
    ...(error instanceof VectabaseError ? { code: error.code } : {}),
    ...(error instanceof Error ? { stack: error.stack } : {}),
  };
}
