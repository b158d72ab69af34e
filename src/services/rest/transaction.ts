import { isSqlState } from '../../foundation/postgres/errors.ts';
import type { End, Sender } from '../../foundation/postgres/pool.ts';
import { ident } from '../../foundation/postgres/sql.ts';
import type { Answers } from '../../foundation/postgres/wire/wire.ts';
import type { Head } from './head.ts';
import type { Identity, RestRequest } from './message.ts';
import type { RestOptions } from './options.ts';
import type { Preferences } from './parse/prefer.ts';
import type { SchemaCache } from './schema/model.ts';
import { OPEN_KEYS, Sealing, withKeys } from './sealed/sealing.ts';
import type { Timing } from './timing.ts';
import { settingsStatement, type Setting } from './sql/session.ts';

export interface Statement {
  readonly text: string;
  readonly values: ReadonlyArray<string | null>;
}

/** What a request does in the database, once it is compiled. */
export interface Action {
  readonly readOnly: boolean;
  /** The main one last: its body may be streamed. */
  readonly statements: readonly Statement[];
  /** `SET` clauses of a function that must hold before it starts. */
  readonly settings?: readonly Setting[];
  /** The body is needed as a whole. */
  readonly whole?: boolean;
  /** Looks at the results; what it throws rolls back and is the answer. */
  readonly check?: (answers: Answers) => void;
  /** It may write encrypted columns, or call functions that do. */
  readonly opensKeys?: boolean;
  /** The body is CSV. */
  readonly csv?: boolean;
}

export interface TransactionContext {
  readonly pool: Sender;
  readonly options: RestOptions;
  readonly cache: SchemaCache;
  readonly schema: string;
  readonly identity: Identity;
  readonly request: RestRequest;
  readonly preferences: Preferences;
  readonly once: Head['once'];
  /** Set where the answer tells how long it took. */
  readonly timing: Timing | undefined;
  /** The schema as it is by now, if it was read again. */
  readonly newer: () => Promise<SchemaCache | undefined>;
}

/** Attempts at a transaction that Postgres could not serialise with its neighbours. */
const ATTEMPTS = 3;

/**
 * Runs an action as the caller's role, in one transaction and one round trip.
 *
 * @returns the rows of the action's statements
 */
export async function perform(action: Action, context: TransactionContext): Promise<Answers> {
  const { pool, cache, request } = context;
  const sealing = new Sealing(action.statements, action.csv === true, cache.sealed);
  const end = endOf(context);
  // What only reads needs no decision before it ends.
  const decides = action.check !== undefined && !action.readOnly;
  const begin = beginOf(action, context) ?? (decides || end === 'rollback' ? plainBegin(action) : undefined);
  const before = preamble(action, context, begin === undefined);
  const constraints = end === 'rollback' ? [{ text: 'set constraints all immediate', values: [] }] : [];
  const all = [...before, ...sealing.statements, ...constraints];
  const statements = cache.sealed && before.includes(OPEN_KEYS) ? withKeys(all, cache.sealed) : all;
  const own = (results: Answers['results']): Answers['results'] =>
    results.slice(before.length, before.length + action.statements.length);
  let refusal: { readonly error: unknown } | undefined;
  const decide = (results: Answers['results']): End => {
    try {
      action.check?.({ results: own(results), large: undefined });
      return end;
    } catch (error) {
      refusal = { error };
      return 'rollback';
    }
  };
  const work = {
    begin,
    statements,
    end: decides ? decide : end,
    epoch: cache.version,
    large: !decides && end === 'commit' && action.whole !== true && !sealing.marked,
  };
  context.timing?.end('plan');
  for (let attempt = 1; ; attempt++) {
    try {
      const { results, large } = await pool.send(work, request.caller);
      context.timing?.end('transaction');
      if (refusal) throw refusal.error;
      const answers = { results: own(results), large };
      if (!decides) checkOrStop(action, answers);
      return sealing.marked ? await sealing.reveal(answers, context.newer) : answers;
    } catch (error) {
      if (attempt === ATTEMPTS || !isSqlState(error, '40001')) throw error;
    }
  }
}

function checkOrStop({ check }: Action, answers: Answers): void {
  try {
    check?.(answers);
  } catch (error) {
    answers.large?.stream.destroy();
    throw error;
  }
}

/** Undefined where the batch itself will do. */
function beginOf({ readOnly, settings = [] }: Action, { cache, identity }: TransactionContext): string | undefined {
  const all = [...(cache.roleSettings.get(identity.role) ?? []), ...settings];
  const wanted = all.findLast(([name]) => name === ISOLATION)?.[1].toLowerCase();
  if (wanted === undefined || !ISOLATIONS.includes(wanted)) return undefined;
  return `begin isolation level ${wanted}${readOnly ? ' read only' : ''}`;
}
function plainBegin({ readOnly }: Action): string {
  return readOnly ? 'begin read only' : 'begin';
}

const ISOLATION = 'default_transaction_isolation';
const ISOLATIONS = ['serializable', 'repeatable read', 'read committed'];

/** What is set for a request before its own statements, in one of its own: a role holds from the next one on. */
function preamble(action: Action, context: TransactionContext, implicit: boolean): Statement[] {
  const { options, cache, identity, request } = context;
  const readOnly = implicit && action.readOnly;
  const make = (): Settings => settingsOf(action, context, readOnly);
  const own = action.settings !== undefined && action.settings.length > 0;
  const { text, values } = own ? make() : context.once(`settings ${readOnly} ${identity.role}`, make);
  const { cookie, ...headers } = request.headers;
  const bound = values.slice();
  bound[CLAIMS] = claimsText(identity.claims);
  bound[HEADERS] = JSON.stringify(cookie === undefined ? request.headers : headers);
  bound[COOKIES] = cookie === undefined ? '{}' : JSON.stringify(parseCookies(cookie));
  const call = options.preRequest?.split('.') ?? [];
  const hook = call.length > 0 ? [{ text: `select ${ident(...call)}()`, values: [] }] : [];
  const keys = action.opensKeys === true && cache.sealed ? [OPEN_KEYS] : [];
  return [{ text, values: bound }, ...keys, ...hook];
}

type Settings = ReturnType<typeof settingsStatement>;
/** Where the statement has what is another with each request. */
const [CLAIMS, HEADERS, COOKIES] = [0, 1, 2];

function settingsOf(action: Action, context: TransactionContext, readOnly: boolean): Settings {
  const { options, cache, identity, request, preferences, schema } = context;
  const path = [schema, ...options.extraSearchPath].map((name) => ident(name)).join(', ');
  return settingsStatement([
    ['request.jwt.claims', ''],
    ['request.headers', ''],
    ['request.cookies', ''],
    ['search_path', path],
    ...(cache.roleSettings.get(identity.role) ?? []).filter(([name]) => name !== 'search_path' && name !== ISOLATION),
    ...(readOnly ? [READ_ONLY] : []),
    ['role', identity.role],
    ['request.method', request.method],
    ['request.path', request.path],
    ...(preferences.timezone === undefined ? [] : [['timezone', preferences.timezone] as const]),
    ...(action.settings ?? []).filter(([name]) => name !== ISOLATION),
    ...Object.entries(options.appSettings ?? {}),
  ]);
}

const READ_ONLY: Setting = ['transaction_read_only', 'on'];
const claimTexts = new WeakMap<Identity['claims'], string>();

/** Claims are the same object for each request with the same token. */
function claimsText(claims: Identity['claims']): string {
  let text = claimTexts.get(claims);
  if (text === undefined) claimTexts.set(claims, (text = JSON.stringify(claims)));
  return text;
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
