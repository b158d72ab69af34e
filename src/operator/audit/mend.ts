import type { JobContext } from '../../foundation/core/observe.ts';
import {
  applyMigration,
  chosen,
  makeMigration,
  undoMigration,
  writeMigration,
  type Choice,
  type MigrationFiles,
} from './migration.ts';
import type { AuditReport, Finding } from './model.ts';
import { auditIn, withSession, type AuditInput } from './run.ts';

export interface MendReport {
  readonly version: 1;
  readonly database: string;
  /** Null when there was nothing to mend. */
  readonly migration: string | null;
  readonly files: MigrationFiles | null;
  readonly mended: readonly string[];
  /** Chosen, and found again afterwards. */
  readonly left: readonly string[];
}

export interface UndoReport {
  readonly version: 1;
  readonly database: string;
  readonly migration: string;
  /** What is open again. */
  readonly reopened: readonly string[];
}

/** Which findings `mendFindings` would mend. */
export function plannedMending(report: AuditReport, choice: Choice): Finding[] {
  return chosen(report.findings, choice);
}

/**
 * Writes the fixes of the chosen findings as a pair of files, applies them in one transaction, and looks again.
 *
 * @param folder of the files
 * @throws VectabaseError AUDIT_REFUSED
 */
export async function mendFindings(
  input: AuditInput,
  findings: readonly Finding[],
  folder: string,
  { clock }: Pick<JobContext, 'clock'>,
): Promise<MendReport> {
  const database = input.target.database;
  if (findings.length === 0) return { version: 1, database, migration: null, files: null, mended: [], left: [] };
  const migration = makeMigration(findings, clock.now());
  return withSession(input.target, async (session) => {
    const files = await writeMigration(folder, migration);
    await applyMigration(session, migration);
    const after = await auditIn(session, { ...input, prove: false });
    const open = new Set(after.findings.map(({ id }) => id));
    return {
      version: 1,
      database,
      migration: migration.name,
      files,
      mended: migration.findings.filter((id) => !open.has(id)),
      left: migration.findings.filter((id) => open.has(id)),
    };
  });
}

/** Takes the newest change of an audit back. @throws VectabaseError AUDIT_NOTHING_TO_UNDO, AUDIT_REFUSED */
export async function undoMending(target: AuditInput['target']): Promise<UndoReport> {
  return withSession(target, async (session) => {
    const { name, findings } = await undoMigration(session);
    return { version: 1, database: target.database, migration: name, reopened: findings };
  });
}
