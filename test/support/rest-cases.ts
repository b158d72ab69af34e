import { expect, test } from 'vitest';
import type { Asked, RestServer } from './rest.ts';

/** What is asked, `GET` unless told, and what must come back; only what is named is compared. */
export interface Case {
  readonly ask: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  /** JSON unless it is a string. */
  readonly body?: unknown;
  readonly status?: number;
  readonly json?: unknown;
  readonly text?: string;
  /** Each must be among the headers; null: must be absent. */
  readonly has?: Record<string, string | null>;
  /** Of an error's body. */
  readonly error?: Record<string, unknown>;
}

export type Cases = Readonly<Record<string, Case | readonly Case[]>>;

/** One test for each, named by what it shows. */
export function testCases(server: () => RestServer, cases: Cases): void {
  test.each(Object.entries(cases))('%s', async (_, list) => {
    for (const each of [list].flat()) {
      const { seen, wanted } = await compare(server(), each);
      expect.soft(seen, each.ask).toEqual(wanted);
    }
  });
}

/** What came and what was to come, with the same keys; the whole text when the status is another. */
async function compare(server: RestServer, each: Case) {
  const { status, text, json, headers } = await server.ask(each.ask, asked(each));
  const wanted: Record<string, unknown> = { status: each.status ?? (each.error ? 400 : 200) };
  const seen: Record<string, unknown> = { status, ...(status === wanted['status'] ? {} : { instead: text }) };
  const add = (name: string, got: unknown, want: unknown): void => {
    if (want === undefined) return;
    seen[name] = got;
    wanted[name] = want;
  };
  add('json', json, each.json);
  add('text', text, each.text);
  for (const [name, value] of Object.entries(each.has ?? {})) add(name, headers.get(name), value);
  for (const [name, value] of Object.entries(each.error ?? {})) {
    add(`error ${name}`, (json as Record<string, unknown> | undefined)?.[name], value);
  }
  return { seen, wanted };
}

function asked({ method = 'GET', headers = {}, body }: Case): Asked {
  if (body === undefined) return { method, headers };
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const typed = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  return { method, headers: { ...(typed ? {} : { 'content-type': 'application/json' }), ...headers }, body: text };
}
