import { badRequest, RestError } from '../errors.ts';
import type { RestRequest, RestResponse } from '../message.ts';
import { decodeText, parseJson } from '../parse/payload.ts';
import { fromDatabase } from '../pg-errors.ts';
import { headerOf, inOneTransaction, textOf, type Beyond, type Part } from './ask.ts';
import { rawItems, rawMembers } from './raw-json.ts';

/** PostgREST refuses a POST of the root, whatever it holds. */
export const BATCH = 'application/vnd.vectabase.batch+json';
/** One connection is held for all of them. */
const MOST = 100;

export function isBatch({ method, path, headers }: RestRequest): boolean {
  return method === 'POST' && path === '/' && headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() === BATCH;
}

/**
 * Several requests in one transaction: `[{"method", "path", "headers", "body"}, …]`. All of them happen, and their
 * answers come as a list in the same order; or the first one that fails is the answer, and nothing happened.
 *
 * @throws RestError PGRST102 for a batch that cannot be read
 */
export async function batchAction(request: RestRequest, beyond: Beyond, anonymous: boolean): Promise<RestResponse> {
  const parts = readBatch(decodeText(request.body));
  const answers = await inOneTransaction(beyond, request, async (ask) => {
    const done: RestResponse[] = [];
    for (const [at, part] of parts.entries()) done.push(await one(at, () => ask(part), anonymous));
    return done;
  });
  return {
    status: 200,
    headers: [['Content-Type', 'application/json; charset=utf-8']],
    body: `[${answers.map(written).join(',')}]`,
  };
}

/** An answer, or what stops the batch: the error says which operation it was. */
async function one(at: number, ask: () => Promise<RestResponse>, anonymous: boolean): Promise<RestResponse> {
  let answer: RestResponse;
  try {
    answer = await ask();
  } catch (thrown) {
    const error = fromDatabase(thrown, anonymous);
    if (!(error instanceof RestError)) throw error;
    throw new FailedOperation(error.status, error.body, at);
  }
  if (answer.status >= 400) throw new FailedOperation(answer.status, textOf(answer), at);
  return answer;
}

/** Leaves the engine as any refusal does, with the number of the operation besides. */
class FailedOperation extends RestError {
  readonly #body: string;

  constructor(status: number, body: string, operation: number) {
    super({ status, code: codeOf(body), message: 'an operation of the batch failed' });
    this.#body = JSON.stringify({ ...(JSON.parse(body) as object), operation });
  }

  override get body(): string {
    return this.#body;
  }
}

function codeOf(body: string): string {
  return String((JSON.parse(body) as { code?: unknown }).code);
}

function written(answer: RestResponse): string {
  const text = textOf(answer);
  const type = headerOf(answer, 'content-type') ?? '';
  const body = text === '' ? 'null' : /[/+]json\b/.test(type) ? text : JSON.stringify(text);
  const headers = Object.fromEntries(answer.headers.map(([name, value]) => [name.toLowerCase(), value]));
  return `{"status":${answer.status},"headers":${JSON.stringify(headers)},"body":${body}}`;
}

function readBatch(text: string): Part[] {
  const value = parseJson(text);
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST) {
    throw badRequest.body(`A batch is a list of 1 to ${MOST} operations`);
  }
  return rawItems(text).map((item, at) => readPart(item, value[at], at));
}

const METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE'];
/** Who asks is said once, for all. */
const HEADERS = ['prefer', 'accept', 'range', 'content-type', 'content-profile', 'accept-profile'];
const MEMBERS = ['method', 'path', 'headers', 'body'];

function readPart(text: string, value: unknown, at: number): Part {
  const refuse = (what: string): RestError => badRequest.body(`Operation ${at}: ${what}`);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse('not an object');
  const members = value as Record<string, unknown>;
  const unknown = Object.keys(members).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) throw refuse(`unknown member "${unknown}"`);
  const { method = 'POST', path, headers = {} } = members;
  if (typeof method !== 'string' || !METHODS.includes(method)) throw refuse(`method is one of ${METHODS.join(', ')}`);
  if (typeof path !== 'string' || !/^\/[^/?#]/.test(path))
    throw refuse('path is /TABLE or /rpc/FUNCTION, with its query');
  const mark = path.indexOf('?');
  const body = rawMembers(text).get('body');
  return {
    method,
    path: mark < 0 ? path : path.slice(0, mark),
    query: mark < 0 ? '' : path.slice(mark + 1),
    headers: readHeaders(headers, refuse),
    // As it is written: its numbers may have more digits than JavaScript keeps.
    body: Buffer.from(body ?? ''),
  };
}

function readHeaders(headers: unknown, refuse: (what: string) => RestError): Record<string, string> {
  if (typeof headers !== 'object' || headers === null) throw refuse('headers is an object');
  const entries = Object.entries(headers).map(([name, value]: [string, unknown]) => {
    const lower = name.toLowerCase();
    if (!HEADERS.includes(lower) || typeof value !== 'string') throw refuse(`headers may be ${HEADERS.join(', ')}`);
    return [lower, value] as const;
  });
  return Object.fromEntries(entries);
}
