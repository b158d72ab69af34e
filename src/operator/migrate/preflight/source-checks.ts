import type { TableInfo } from '../catalog/model.ts';
import type { SourceFacts } from './facts.ts';
import { blocker, major, note, warning, type Finding } from './finding.ts';
import { named, ownTables, type PreflightInput } from './input.ts';

/** The source's connection and role. */
export function sourceChecks({ source, choices, sourceCatalog }: PreflightInput): Finding[] {
  const findings: Finding[] = [];
  if (source.pooler === 'session')
    findings.push(note('pooler-session', 'the source is reached through a session pooler: fine for the move'));
  const hidden = hiddenByRowSecurity(source, sourceCatalog.tables);
  if (hidden.length > 0) {
    findings.push(
      blocker(
        'row-security',
        `role ${source.role} is subject to row security and would see only part of ${named(hidden)}`,
        `Connect as postgres, or as the owner of the project run: ALTER ROLE ${source.role} BYPASSRLS;`,
      ),
    );
  }
  const unreadable = ownTables(sourceCatalog.tables).filter((table) => !table.readable);
  if (unreadable.length > 0) {
    findings.push(
      blocker(
        'unreadable',
        `role ${source.role} may not read ${named(unreadable)}`,
        `GRANT pg_read_all_data TO ${source.role}; or connect as postgres.`,
      ),
    );
  }
  if (source.version < 150000 || source.version >= 190000) {
    findings.push(
      blocker('source-version', `Postgres ${major(source.version)} as a source is not supported (15 to 18 are)`, null),
    );
  }
  const needed = choices.jobs + 1;
  if (source.freeConnections < needed + 3) {
    findings.push(
      source.freeConnections < needed
        ? blocker(
            'source-connections',
            `the source has ${source.freeConnections} free connections, ${needed} are needed`,
            `Use fewer: --jobs ${Math.max(1, source.freeConnections - 4)}`,
          )
        : warning(
            'source-connections',
            `the source has only ${source.freeConnections} free connections; ${needed} of them will be used`,
            'Use fewer: --jobs 1',
          ),
    );
  }
  if (!source.encrypted)
    findings.push(
      warning(
        'source-plaintext',
        'the connection to the source is not encrypted',
        'Add ?sslmode=require to the connection string.',
      ),
    );
  if (source.readOnly) {
    findings.push(
      note(
        'source-read-only',
        'the source is locked read-only (a project over its size limit, or a standby); reading is all that is needed',
      ),
    );
  }
  if (source.statementTimeout !== '0' && source.statementTimeout !== '0ms') {
    findings.push(
      note(
        'statement-timeout',
        `statements on the source end after ${source.statementTimeout}; the sessions of the migration lift that for themselves`,
      ),
    );
  }
  findings.push(
    note('locks', 'while rows are copied, ALTER and TRUNCATE on the source wait (reading and writing do not)'),
  );
  return findings;
}

/** Tables where row security would apply to the role: it neither bypasses it nor owns an unforced table. */
function hiddenByRowSecurity(source: SourceFacts, tables: readonly TableInfo[]): TableInfo[] {
  if (source.bypassesRowSecurity) return [];
  return ownTables(tables).filter(
    (table) => table.rowSecurity && (table.forceRowSecurity || table.owner !== source.role),
  );
}
