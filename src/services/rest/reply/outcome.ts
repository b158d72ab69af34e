import type { TextRow } from '../../../foundation/postgres/session.ts';
import { badRequest } from '../errors.ts';
import type { Format } from '../parse/media.ts';
import type { Preferences } from '../parse/prefer.ts';

/** The one row of a main statement, read. */
export interface Outcome {
  readonly total: number | undefined;
  readonly rows: number;
  readonly body: string;
  readonly headers: string | null;
  readonly status: string | null;
  readonly location: string | null;
  readonly inserted: string | null;
}

export function readOutcome(rows: readonly TextRow[] | undefined): Outcome {
  const [total = null, count = null, body = null, headers = null, status = null, location = null, inserted = null] =
    rows?.[0] ?? [];
  return {
    total: total === null ? undefined : Number(total),
    rows: Number(count ?? 0),
    body: body ?? '',
    headers,
    status,
    location,
    inserted,
  };
}

/** @throws RestError PGRST116 */
export function assertSingular(format: Format, rows: number): void {
  if ((format === 'object' || format === 'stripped-object') && rows !== 1) throw badRequest.singular(rows);
}

/** @throws RestError PGRST124; only strict handling obeys the limit */
export function assertMaxAffected({ handling, ...preferences }: Preferences, rows: number): void {
  const most = preferences['max-affected'];
  if (handling === 'strict' && most !== undefined && rows > Number(most)) throw badRequest.maxAffected(rows);
}
