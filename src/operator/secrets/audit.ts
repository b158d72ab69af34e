import { VectabaseError } from '../../foundation/core/errors.ts';
import { auditKey, type AuditRecord } from './audit-line.ts';
import { auditFiles } from './audit-log.ts';
import { verifyAudit, type AuditReport, type KnownHead } from './audit-verify.ts';
import type { SecretStore } from './store.ts';

export interface AuditFilter {
  readonly name?: string | undefined;
  /** Newest so many; all when undefined. */
  readonly last?: number | undefined;
  /** As an earlier report printed it. */
  readonly known?: string | undefined;
}

export interface AuditResult extends AuditReport {
  readonly file: string;
  readonly accesses: readonly AuditRecord[];
}

/**
 * Verifies the whole log and returns what was asked for of it. Looking at the log is no access.
 *
 * @throws VectabaseError USAGE for a known head that is none
 */
export async function readAudit(store: SecretStore, filter: AuditFilter): Promise<AuditResult> {
  const files = auditFiles(store.paths);
  const keys = new Map(store.identities.map(auditKey).map((key) => [key.id, key]));
  const accesses: AuditRecord[] = [];
  const visit = (record: AuditRecord): void => {
    if (filter.name !== undefined && !record.names.includes(filter.name)) return;
    accesses.push(record);
    if (filter.last !== undefined && accesses.length > filter.last) accesses.shift();
  };
  const report = await verifyAudit(files, keys, { known: parseHead(filter.known), visit });
  return { ...report, file: files.log, accesses };
}

export function auditBroken({ findings, file }: AuditResult): VectabaseError | undefined {
  if (findings.length === 0) return undefined;
  return new VectabaseError('SECRETS_AUDIT_BROKEN', {
    message: `${file} is not what Vectabase wrote: ${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}`,
    hint: [
      'Keep a copy of it, and compare with a backup. Treat every secret as seen until you know what happened:',
      'vectabase secrets rotate NAME',
    ].join(' '),
    details: { file, findings },
  });
}

function parseHead(text: string | undefined): KnownHead | undefined {
  if (text === undefined) return undefined;
  const [, count, hash] = /^(\d+):([0-9a-f]{64})$/.exec(text) ?? [];
  if (count !== undefined && hash !== undefined) return { count: Number(count), hash };
  throw new VectabaseError('USAGE', {
    message: '--since wants the head that an earlier report printed, as 42:1f9c…',
    hint: 'Run vectabase secrets audit and copy the head from its last line.',
  });
}
