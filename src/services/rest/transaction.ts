import { isSqlState } from '../../foundation/postgres/errors.ts';
import type { End, Pool } from '../../foundation/postgres/pool.ts';
import type { TextRow } from '../../foundation/postgres/session.ts';
import { ident } from '../../foundation/postgres/sql.ts';
import type { Identity, RestRequest } from './message.ts';
import type { RestOptions } from './options.ts';
import type { Preferences } from './parse/prefer.ts';
import type { SchemaCache } from './schema/model.ts';
import { settingsStatement, type Setting } from './sql/session.ts';

export interface Statement {
  readonly text: string;
  readonly values: ReadonlyArray<string | null>;
}

/** What a request does in the database, once it is compiled. */
export interface Action {
  readonly readOnly: boolean;
  readonly statements: readonly Statement[];
  /** `SET` clauses of a function that must hold before it starts. */
  readonly settings?: readonly Setting[];
  /** Looks at the results; what it throws rolls back and is the answer. */
  readonly check?: (results: readonly TextRow[][]) => void;
}

export interface TransactionContext {
  readonly pool: Pool;
  readonly options: RestOptions;
  readonly cache: SchemaCache;
  readonly schema: string;
  readonly identity: Identity;
  readonly request: RestRequest;
  readonly preferences: Preferences;
}

/** Attempts at a transaction that Postgres could not serialise with its neighbours. */
const ATTEMPTS = 3;

/**
 * Runs an action as the caller's role, in one transaction and one round trip.
 *
 * @returns the rows of the action's statements
 */
export async function perform(action: Action, context: TransactionContext): Promise<TextRow[][]> {
  const before = preamble(action, context);
  const end = endOf(context);
  const constraints = end === 'rollback' ? [{ text: 'set constraints all immediate', values: [] }] : [];
  const statements = [...before, ...action.statements, ...constraints];
  let refusal: { readonly error: unknown } | undefined;
  const decide = (results: readonly TextRow[][]): End => {
    try {
      action.check?.(results.slice(before.length));
      return end;
    } catch (error) {
      refusal = { error };
      return 'rollback';
    }
  };
  for (let attempt = 1; ; attempt++) {
    try {
      const begin = beginOf(action, context);
      // What only reads needs no decision before it ends.
      const work = { begin, statements, end: action.check && !action.readOnly ? decide : end };
      const results = await context.pool.run(work, context.request.signal);
      if (action.readOnly) decide(results);
      if (refusal) throw refusal.error;
      return results.slice(before.length, before.length + action.statements.length);
    } catch (error) {
      if (attempt === ATTEMPTS || !isSqlState(error, '40001')) throw error;
    }
  }
}

function beginOf({ readOnly, settings = [] }: Action, { cache, identity }: TransactionContext): string {
  const all = [...(cache.roleSettings.get(identity.role) ?? []), ...settings];
  const wanted = all.findLast(([name]) => name === ISOLATION)?.[1].toLowerCase();
  const isolation = wanted !== undefined && ISOLATIONS.includes(wanted) ? ` isolation level ${wanted}` : '';
  return `begin${isolation}${readOnly ? ' read only' : ''}`;
}
const ISOLATION = 'default_transaction_isolation';
const ISOLATIONS = ['serializable', 'repeatable read', 'read committed'];

function preamble(action: Action, context: TransactionContext): Statement[] {
  const { options, cache, identity, request, preferences, schema } = context;
  const path = [schema, ...options.extraSearchPath].map((name) => ident(name)).join(', ');
  const { cookie, ...headers } = request.headers;
  const settings: Setting[] = [
    ['search_path', path],
    ...(cache.roleSettings.get(identity.role) ?? []).filter(([name]) => name !== 'search_path' && name !== ISOLATION),
    ['role', identity.role],
    ['request.jwt.claims', JSON.stringify(identity.claims)],
    ['request.method', request.method],
    ['request.path', request.path],
    ['request.headers', JSON.stringify(cookie === undefined ? headers : { ...headers, cookie })],
    ['request.cookies', JSON.stringify(parseCookies(cookie))],
    ...(preferences.timezone === undefined ? [] : [['timezone', preferences.timezone] as const]),
    ...(action.settings ?? []).filter(([name]) => name !== ISOLATION),
  ];
  const call = options.preRequest?.split('.') ?? [];
  const hook = call.length > 0 ? [{ text: `select ${ident(...call)}()`, values: [] }] : [];
  return [settingsStatement(settings), ...hook];
}

function endOf({ options, preferences }: TransactionContext): End {
  const { txEnd } = options;
  if (txEnd.endsWith('allow-override') && preferences.tx !== undefined) return preferences.tx;
  return txEnd.startsWith('rollback') ? 'rollback' : 'commit';
}

function parseCookies(header: string | undefined): Record<string, string> {
  const pairs = (header ?? '').split(';').map((pair) => pair.trim());
  return Object.fromEntries(
    pairs
      .filter((pair) => pair.includes('='))
      .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
}
