export interface RestErrorParts {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly details?: unknown;
  readonly hint?: string | null;
  readonly headers?: ReadonlyArray<readonly [string, string]>;
}

/** What a client is told: PostgREST's codes, words and status. */
export class RestError extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: unknown;
  readonly hint: string | null;
  readonly headers: ReadonlyArray<readonly [string, string]>;

  constructor({ status, code, message, details = null, hint = null, headers = [] }: RestErrorParts) {
    super(message);
    this.name = 'RestError';
    this.status = status;
    this.code = code;
    this.details = details;
    this.hint = hint;
    this.headers = headers;
  }

  get body(): string {
    const { code, details, hint, message } = this;
    return JSON.stringify({ code, details, hint, message });
  }
}

/** The request is wrong in itself: codes 1xx. */
export const badRequest = {
  /** @param what such as `select parameter (a,)`; @param at zero-based offset in the text */
  parse: (what: string, at: number, details: string) =>
    error(400, 'PGRST100', `"failed to parse ${what}" (line 1, column ${at + 1})`, details),
  rpcMethod: (method: string) => error(405, 'PGRST101', `Cannot use the ${method} method on RPC`),
  body: (message: string) => error(400, 'PGRST102', message),
  negativeLimit: () => range('Limit should be greater than or equal to zero.'),
  rangeOrder: () => range('The lower boundary must be lower than or equal to the upper boundary in the Range header.'),
  putFilters: () => error(405, 'PGRST105', "Filters must include all and only primary key columns with 'eq' operators"),
  schema: (name: string, exposed: readonly string[]) =>
    error(
      406,
      'PGRST106',
      `Invalid schema: ${name}`,
      null,
      `Only the following schemas are exposed: ${exposed.join(', ')}`,
    ),
  mediaType: (types: readonly string[]) =>
    error(406, 'PGRST107', `None of these media types are available: ${types.join(', ')}`),
  notEmbedded: (name: string) =>
    error(
      400,
      'PGRST108',
      `'${name}' is not an embedded resource in this request`,
      null,
      `Verify that '${name}' is included in the 'select' query parameter.`,
    ),
  gucHeaders: () =>
    error(
      500,
      'PGRST111',
      'response.headers guc must be a JSON array composed of objects with a single key and a string value',
    ),
  gucStatus: () => error(500, 'PGRST112', 'response.status guc must be a valid status code'),
  putLimit: () => error(400, 'PGRST114', 'limit/offset querystring parameters are not allowed for PUT'),
  putKey: () => error(400, 'PGRST115', 'Payload values do not match URL in primary key column(s)'),
  singular: (rows: number) =>
    error(406, 'PGRST116', 'Cannot coerce the result to a single JSON object', `The result contains ${rows} rows`),
  method: (method: string) => error(405, 'PGRST117', `Unsupported HTTP method: ${method}`),
  relatedOrder: (origin: string, target: string) =>
    error(
      400,
      'PGRST118',
      `A related order on '${target}' is not possible`,
      `'${origin}' and '${target}' do not form a many-to-one or one-to-one relationship`,
    ),
  preferences: (names: readonly string[]) =>
    error(
      400,
      'PGRST122',
      'Invalid preferences given with handling=strict',
      `Invalid preferences: ${names.join(', ')}`,
    ),
  aggregates: () => error(400, 'PGRST123', 'Use of aggregate functions is not allowed'),
  maxAffected: (rows: number) =>
    error(400, 'PGRST124', 'Query result exceeds max-affected preference constraint', `The query affects ${rows} rows`),
  path: () => error(404, 'PGRST125', 'Invalid path specified in request URL'),
  rootDisabled: () => error(404, 'PGRST126', 'Root endpoint metadata is disabled'),
  notImplemented: (details: string) => error(400, 'PGRST127', 'Feature not implemented', details),
  maxAffectedRpc: () =>
    error(
      400,
      'PGRST128',
      'Function must return SETOF or TABLE when max-affected preference is used with handling=strict',
    ),
};

/** Offset beyond the end; the body of a 416 whose headers still tell the total. */
export function outOfBounds(offset: number, total: number): RestError {
  return range(`An offset of ${offset} was requested, but there are only ${total} rows.`);
}

function range(details: string): RestError {
  return error(416, 'PGRST103', 'Requested range not satisfiable', details);
}

function error(status: number, code: string, message: string, details: unknown = null, hint: string | null = null) {
  return new RestError({ status, code, message, details, hint });
}
