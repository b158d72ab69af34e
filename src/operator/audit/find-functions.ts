import { ident } from '../../foundation/postgres/sql.ts';
import { describeGrants, list } from './describe.ts';
import { functionName, joined, withoutExecute } from './fix-grants.ts';
import type { AuditFacts, Finding, Fix, FunctionFacts, Severity } from './model.ts';
import { sensitiveColumns, type Patterns } from './sensitive.ts';

/** What a definer function gets at, as far as its text and that of the functions it calls tell. */
interface FunctionReach {
  readonly tables: readonly string[];
  readonly secrets: readonly string[];
  readonly personal: readonly string[];
  readonly decrypts: boolean;
  readonly writes: boolean;
  /** It asks who is calling. */
  readonly guarded: boolean;
}

/** Functions that run with their owner's rights, so that row policies do not apply to whoever calls them. */
export function functionFindings(facts: AuditFacts, patterns: Patterns): Finding[] {
  return [
    ...facts.functions.map((each) => callable(each, facts, patterns)).filter((finding) => finding !== undefined),
    ...unpinned(facts),
  ];
}

function callable(definer: FunctionFacts, facts: AuditFacts, patterns: Patterns): Finding | undefined {
  // Triggers cannot be called; policies need theirs to be callable.
  if (definer.callers.length === 0 || definer.inPolicy || /^(event_)?trigger$/.test(definer.returns)) return undefined;
  const reach = reachOf(definer, facts, patterns);
  const severity = severityOf(definer, reach);
  if (severity === undefined) return undefined;
  const target = `${definer.schema}.${definer.name}(${definer.argumentTypes.join(', ')})`;
  return {
    id: `function:${target}`,
    kind: 'function',
    severity,
    target,
    roles: definer.callers,
    columns: [
      ...reach.secrets.map((name) => ({ name, holds: 'credential' as const })),
      ...reach.personal.map((name) => ({ name, holds: 'personal' as const })),
    ],
    summary: `${list(definer.callers)} may call it: it ${doing(reach, definer)} with its owner's rights`,
    evidence: [
      `security definer, returns ${definer.returns}${definer.searchPath ? '' : ', no search_path of its own'}`,
      reach.guarded ? 'it asks who is calling: check that this decides what it does' : 'it does not ask who is calling',
      ...describeGrants(definer, definer.callers),
    ],
    fix: fixOf(definer, reach, facts),
    proofs: [],
  };
}

/**
 * A view calls it with the rights of its reader. Postgres leaves out a column that nobody asked for unless a volatile
 * function makes it, so one that writes nothing is declared stable: the view's other columns stay readable.
 */
function fixOf(definer: FunctionFacts, { writes }: FunctionReach, { serviceRole }: AuditFacts): Fix {
  const { inViews, volatile, callers } = definer;
  const name = functionName(definer);
  const stable: Fix = {
    up: [`alter function ${name} stable`],
    down: [`alter function ${name} volatile`],
    caveat: null,
  };
  const revoke: Fix = {
    ...withoutExecute(definer, callers, serviceRole),
    caveat: 'What calls it with the anon key or as a user has to go through the service role.',
  };
  if (inViews.length === 0) return revoke;
  const views: Fix = { up: [], down: [], caveat: `So have queries for the columns of ${list(inViews)} that call it.` };
  return joined(...(volatile && !writes ? [stable] : []), revoke, views);
}

function severityOf({ returns }: FunctionFacts, reach: FunctionReach): Severity | undefined {
  const answers = !/^(void|boolean)$/.test(returns);
  if (reach.guarded) return reach.writes && !answers ? 'low' : undefined;
  if (answers && (reach.decrypts || reach.secrets.length > 0)) return 'critical';
  if (reach.writes) return 'high';
  if (answers && reach.personal.length > 0) return 'medium';
  return answers && reach.tables.length > 0 ? 'low' : undefined;
}

function doing({ decrypts, secrets, personal, writes, tables }: FunctionReach, { returns }: FunctionFacts): string {
  const seen = [...secrets, ...personal];
  return list([
    ...(decrypts ? [`decrypts and returns ${returns}`] : []),
    ...(writes ? [`writes ${list(tables)}`] : tables.length > 0 ? [`reads ${list(tables)}`] : []),
    ...(seen.length > 0 && !decrypts ? [`names ${list(seen.slice(0, 3))}`] : []),
  ]);
}

function reachOf(definer: FunctionFacts, facts: AuditFacts, patterns: Patterns): FunctionReach {
  const text = textOf(definer, facts);
  const tables = facts.relations.filter(({ name }) => mentions(text, name));
  const columns = tables.flatMap((table) =>
    sensitiveColumns(table.name, table.columns, patterns).filter(({ name }) => mentions(text, name)),
  );
  const named = (...kinds: string[]): string[] => [
    ...new Set(columns.filter(({ holds }) => kinds.includes(holds)).map(({ name }) => name)),
  ];
  return {
    tables: tables.map(({ schema, name }) => `${schema}.${name}`),
    secrets: named('credential'),
    personal: named('payment', 'personal'),
    decrypts: /\b(pgp_(sym|pub)_)?decrypt\w*\s*\(|decrypted_secrets/i.test(text),
    writes:
      /\binsert\s+into\b|\bupdate\s+(only\s+)?[\w."]+\s+(as\s+\w+\s+|\w+\s+)?set\b|\bdelete\s+from\b|\btruncate\b/i.test(
        text,
      ),
    guarded: /\bauth\s*\.\s*(uid|role|jwt|email)\b|request\.jwt|\bis_admin\b/i.test(text),
  };
}

/** Its text and that of every function that it calls, however deep, without comments. */
function textOf({ name, source }: FunctionFacts, { sources }: AuditFacts): string {
  const seen = new Set([name]);
  let text = source;
  for (const next of Object.keys(sources)) if (!seen.has(next)) collect(next);
  return withoutComments(text);

  function collect(callee: string): void {
    if (seen.has(callee) || !new RegExp(String.raw`\b${escaped(callee)}\s*\(`, 'i').test(text)) return;
    seen.add(callee);
    text += `\n${sources[callee] ?? ''}`;
    for (const next of Object.keys(sources)) collect(next);
  }
}

function withoutComments(text: string): string {
  return text.replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\//g, ' ');
}

function mentions(text: string, name: string): boolean {
  return new RegExp(String.raw`(?<![\w$])${escaped(name)}(?![\w$])`, 'i').test(text);
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.|?*+()[\]{}]/g, String.raw`\$&`);
}

/** Whoever may create objects in a schema that the caller's search_path names first can slip in a namesake. */
function unpinned({ functions, hasExtensionsSchema }: AuditFacts): Finding[] {
  const open = functions.filter(({ searchPath }) => !searchPath);
  if (open.length === 0) return [];
  const path = (schema: string): string =>
    [...new Set([schema, 'public', ...(hasExtensionsSchema ? ['extensions'] : []), 'pg_temp'])]
      .map((name) => ident(name))
      .join(', ');
  return [
    {
      id: 'search-path',
      kind: 'search path',
      severity: 'low',
      target: `${open.length} functions`,
      roles: [],
      columns: [],
      summary: `${open.length} definer functions find names by the search_path of whoever calls them`,
      evidence: open.map((each) => `${functionName(each)} has no search_path of its own`),
      fix: {
        up: open.map((each) => `alter function ${functionName(each)} set search_path = ${path(each.schema)}`),
        down: open.map((each) => `alter function ${functionName(each)} reset search_path`),
        caveat: 'Names in these functions are looked up where they are today.',
      },
      proofs: [],
    },
  ];
}
