import { expect, test } from 'vitest';
import type { Answer, Asked, RestServer } from './rest.ts';

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

/** One test for each case, named by what it shows. */
export function testCases(server: () => RestServer, cases: Readonly<Record<string, Case | readonly Case[]>>): void {
  for (const [title, list] of Object.entries(cases)) {
    test(title, async () => {
      for (const each of Array.isArray(list) ? (list as readonly Case[]) : [list as Case]) await check(server(), each);
    });
  }
}

export async function check(server: RestServer, each: Case): Promise<Answer> {
  const answer = await server.ask(each.ask, asked(each));
  const wanted = each.status ?? (each.error ? 400 : 200);
  expect.soft({ ask: each.ask, status: answer.status, text: answer.text }).toMatchObject({ status: wanted });
  if ('json' in each) expect.soft(answer.json, each.ask).toEqual(each.json);
  if (each.text !== undefined) expect.soft(answer.text, each.ask).toBe(each.text);
  if (each.error) expect.soft(answer.json, each.ask).toMatchObject(each.error);
  for (const [name, value] of Object.entries(each.has ?? {})) {
    expect.soft(answer.headers.get(name), `${each.ask} ${name}`).toBe(value);
  }
  return answer;
}

function asked({ method = 'GET', headers = {}, body }: Case): Asked {
  if (body === undefined) return { method, headers };
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const type = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type')
    ? {}
    : { 'content-type': 'application/json' };
  return { method, headers: { ...type, ...headers }, body: text };
}
