import type { Answers } from '../../../foundation/postgres/wire/wire.ts';
import type { Pool, Sender, Work } from '../../../foundation/postgres/pool.ts';
import type { Identity, RestRequest, RestResponse } from '../message.ts';
import type { RestOptions } from '../options.ts';
import type { SchemaCache } from '../schema/model.ts';

/** The engine, without its last resort for errors, for requests that are part of another one: what they do runs where `sender` says. */
export type Ask = (request: RestRequest, identity: Identity, sender: Sender) => Promise<RestResponse>;

/** What goes beyond PostgREST is handed, to be built of ordinary requests. */
export interface Beyond {
  readonly pool: Pool;
  readonly options: RestOptions;
  readonly identity: Identity;
  readonly cache: () => Promise<SchemaCache>;
  readonly ask: Ask;
}

/** What a request sets in its transaction and not every one does: the next one must not find it. */
const FORGET = [
  `select set_config('response.headers', '', true), set_config('response.status', '', true), set_config('pgrst.inserted', '', true)`,
  'set local timezone to default',
  'set local statement_timeout to default',
].map((text) => ({ text, values: [] }));

/** Requests of one transaction: all of them happen, or none. */
export async function inOneTransaction<T>(
  { pool, identity, ask }: Beyond,
  { admission, caller }: RestRequest,
  body: (part: (request: Part) => Promise<RestResponse>) => Promise<T>,
): Promise<T> {
  return pool.together(async (sender) => {
    const clean = forgetting(sender);
    return body(async (part) => ask({ ...part, admission }, identity, clean));
  }, caller);
}

export type Part = Omit<RestRequest, 'admission' | 'caller'>;

function forgetting(sender: Sender): Sender {
  return {
    async send(work) {
      const { statements, end } = work;
      const all: Work['statements'] =
        typeof statements === 'function'
          ? (greeting) => [...FORGET, ...statements(greeting)]
          : [...FORGET, ...statements];
      const own = (results: Answers['results']): Answers['results'] => results.slice(FORGET.length);
      const { results } = await sender.send({
        ...work,
        statements: all,
        end: typeof end === 'function' ? (each) => end(own(each)) : end,
      });
      return { results: own(results), large: undefined };
    },
  };
}

/** The body of a part as text; nothing of it is streamed inside a transaction. */
export function textOf({ body }: RestResponse): string {
  return typeof body === 'object' && 'stream' in body ? '' : body.toString();
}

export function headerOf({ headers }: RestResponse, wanted: string): string | undefined {
  return headers.findLast(([name]) => name.toLowerCase() === wanted)?.[1];
}
