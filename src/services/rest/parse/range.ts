import { badRequest } from '../errors.ts';

export interface Range {
  readonly offset: number;
  readonly limit: number | undefined;
}

/** Rows asked for, by `limit` and `offset` or by a Range header of a GET; the query string wins. */
export function parseRange(
  { limit, offset }: { limit: number | undefined; offset: number | undefined },
  header: string | undefined,
): Range {
  if (limit !== undefined || offset !== undefined) {
    if (limit !== undefined && limit < 0) throw badRequest.negativeLimit();
    return { offset: Math.max(offset ?? 0, 0), limit };
  }
  const match = /^(?:items=)?(\d{1,15})-(\d{1,15})?$/.exec(header ?? '');
  if (!match) return { offset: 0, limit: undefined };
  const first = Number(match[1]);
  if (match[2] === undefined) return { offset: first, limit: undefined };
  const last = Number(match[2]);
  if (last < first) throw badRequest.rangeOrder();
  return { offset: first, limit: last - first + 1 };
}
