import { describeGrants, list, ofColumns } from './describe.ts';
import { joined, withoutColumns, withoutPrivileges } from './fix-grants.ts';
import { accessTo } from './access.ts';
import type { Verdicts } from './evaluate.ts';
import type { AuditFacts, Finding, Fix, RelationFacts, Severity } from './model.ts';
import { sensitiveColumns, type Patterns, type SensitiveColumn } from './sensitive.ts';
import { ident } from '../../foundation/postgres/sql.ts';

/**
 * A view that reads with its owner's rights shows rows that the policies of its tables would hide; so does a
 * materialized view, which keeps a copy.
 */
export function viewFinding(
  view: RelationFacts,
  facts: AuditFacts,
  verdicts: Verdicts,
  patterns: Patterns,
): Finding | undefined {
  if (view.kind === 'table' || view.invoker || view.bypasses.length === 0) return undefined;
  const { roles } = facts;
  const readers = roles.filter((role) => (view.privileges[role]?.select.length ?? 0) > 0);
  const writers = view.updatable ? roles.filter((role) => canWrite(view, role)) : [];
  if (readers.length + writers.length === 0) return undefined;
  const columns = sensitiveColumns(view.name, view.columns, patterns).filter(({ name }) =>
    readers.some((role) => view.privileges[role]?.select.includes(name)),
  );
  // Rows that the tables show to everybody by themselves are no news.
  const news = readers.some((role) => view.bypasses.some((table) => !isReadable(table, role, facts, verdicts)));
  if (columns.length === 0 && writers.length === 0 && !news) return undefined;
  const writes = writers.length > 0 ? `; ${list(writers)} may write through it` : '';
  const shows = columns.length > 0 ? ofColumns(columns) : 'rows';
  return {
    id: `view:${view.schema}.${view.name}`,
    kind: 'view',
    severity: severityOf(columns, writers.length > 0),
    target: `${view.schema}.${view.name}`,
    roles: [...new Set([...readers, ...writers])],
    columns,
    summary: `shows ${shows} to ${list(readers)} with its owner's rights${writes}`,
    evidence: [
      `${view.kind} of ${view.owner}, security_invoker is off`,
      `past the row policies of ${list(view.bypasses)}`,
      ...describeGrants(view, roles),
    ],
    fix: fixOf(view, readers, writers, columns),
    proofs: [],
  };
}

function severityOf(columns: readonly SensitiveColumn[], writes: boolean): Severity {
  if (columns.some(({ holds }) => holds === 'credential')) return 'critical';
  return writes || columns.some(({ holds }) => holds === 'payment') ? 'high' : 'medium';
}

function isReadable(table: string, role: string, facts: AuditFacts, verdicts: Verdicts): boolean {
  const relation = facts.relations.find(({ schema, name }) => `${schema}.${name}` === table);
  return (
    relation !== undefined &&
    accessTo(relation, facts, verdicts).some(
      (access) => access.role === role && access.command === 'select' && access.reach === 'all',
    )
  );
}

function canWrite({ privileges }: RelationFacts, role: string): boolean {
  const own = privileges[role];
  return own !== undefined && (own.insert.length > 0 || own.update.length > 0 || own.delete);
}

/** Its reader's rights where those are enough; else the columns that give it its grave name go. */
function fixOf(
  view: RelationFacts,
  readers: readonly string[],
  writers: readonly string[],
  columns: readonly SensitiveColumn[],
): Fix {
  const name = ident(view.schema, view.name);
  const closeWrites = withoutPrivileges(view, writers, ['insert', 'update', 'delete', 'truncate']);
  if (columns.length > 0) {
    return {
      ...joined(
        closeWrites,
        withoutColumns(
          view,
          'select',
          readers,
          columns.map((column) => column.name),
        ),
      ),
      caveat: `The other columns stay readable, past the policies of ${list(view.bypasses)}. Queries for * or for ${ofColumns(columns)} are refused then.`,
    };
  }
  if (view.kind === 'materialized view') {
    return {
      ...withoutPrivileges(view, readers, ['select']),
      caveat: 'A materialized view has no row policies: only the service role reads it then.',
    };
  }
  return {
    up: [`alter view ${name} set (security_invoker = true)`],
    down: [`alter view ${name} reset (security_invoker)`],
    caveat: `Readers see the rows that the policies of ${list(view.bypasses)} let them see, and need grants there.`,
  };
}
