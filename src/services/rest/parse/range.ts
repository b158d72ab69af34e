import { badRequest } from '../errors.ts';

export interface Range {
  readonly offset: number;
  readonly limit: number | undefined;
}

/**
 * Rows asked for: those within both the bounds of `limit` and `offset` and the Range header of a GET.
 *
 * @throws RestError PGRST103
 */
export function parseRange(
  { limit, offset }: { limit: number | undefined; offset: number | undefined },
  header: string | undefined,
): Range {
  if (limit !== undefined && limit < 0) throw badRequest.negativeLimit();
  const [first, last] = headerBounds(header);
  if (last < first) throw badRequest.rangeOrder();
  const start = offset ?? 0;
  if (limit === 0) return { offset: Math.max(start, 0), limit };
  const from = Math.max(first, start);
  const to = Math.min(last, limit === undefined ? Infinity : start + limit - 1);
  if (to < from) throw badRequest.negativeLimit();
  return { offset: from, limit: to === Infinity ? undefined : to - from + 1 };
}

/** What is no range asks for everything. */
function headerBounds(header: string | undefined): [first: number, last: number] {
  const match = /^(?:items=)?(\d{1,15})-(\d{1,15})?$/.exec(header ?? '');
  if (!match) return [0, Infinity];
  return [Number(match[1]), match[2] === undefined ? Infinity : Number(match[2])];
}
