import type { Answers, LargeValue, RawRow } from '../../../foundation/postgres/wire/wire.ts';
import { badRequest } from '../errors.ts';
import type { Format, Media } from '../parse/media.ts';
import type { Preferences } from '../parse/prefer.ts';

/** The one row of a main statement, read. */
export interface Outcome {
  readonly total: number | undefined;
  readonly rows: number;
  readonly body: Buffer | LargeValue;
  readonly headers: string | null;
  readonly status: string | null;
  readonly location: string | null;
  readonly inserted: string | null;
}

/** The main statement is the last one. */
export function readOutcome({ results, large }: Answers): Outcome {
  const [total, count, headers, status, location, inserted, body] = results.at(-1)?.[0] ?? NO_ROW;
  return {
    total: total ? Number(total.toString('latin1')) : undefined,
    rows: count ? Number(count.toString('latin1')) : 0,
    headers: textOf(headers),
    status: textOf(status),
    location: textOf(location),
    inserted: textOf(inserted),
    body: large ?? body ?? NOTHING,
  };
}

const NO_ROW: RawRow = [];
const NOTHING = Buffer.alloc(0);

function textOf(cell: Buffer | null | undefined): string | null {
  return cell?.toString() ?? null;
}

/** Postgres prints bytes in hexadecimal; a client that asked for them gets them as they are. */
export function bodyOf({ body }: Outcome, { handler }: Media): Outcome['body'] {
  return handler?.binary === true && Buffer.isBuffer(body)
    ? Buffer.from(body.toString('latin1').slice(2), 'hex')
    : body;
}

/** True where exactly one row must be the answer. */
export function isSingular({ format }: Pick<Media, 'format'>): boolean {
  return format === 'object' || format === 'stripped-object';
}

/** @throws RestError PGRST116 */
export function assertSingular(format: Format, rows: number): void {
  if (isSingular({ format }) && rows !== 1) throw badRequest.singular(rows);
}

/** @throws RestError PGRST124; only strict handling obeys the limit */
export function assertMaxAffected({ handling, ...preferences }: Preferences, rows: number): void {
  const most = preferences['max-affected'];
  if (handling === 'strict' && most !== undefined && rows > Number(most)) throw badRequest.maxAffected(rows);
}
