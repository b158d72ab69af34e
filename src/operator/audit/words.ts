import { VectabaseError } from '../../foundation/core/errors.ts';
import { count } from '../../foundation/core/numbers.ts';
import { targetWords } from '../../foundation/core/shell-words.ts';
import { SEVERITIES, type AuditReport } from './model.ts';
import type { AuditWords } from './text.ts';

/** The exact commands that go on from here, with the flags that say where. */
export function auditWords(flags: { dir: string; 'target-file'?: string | undefined }): AuditWords {
  const audit = `vectabase audit policies${targetWords(flags)}`;
  return { audit, prove: `${audit} --prove`, apply: `${audit} --apply`, undo: `${audit} --undo` };
}

export function auditFindings({ findings, counts }: AuditReport, words: AuditWords): VectabaseError {
  const parts = SEVERITIES.filter((severity) => counts[severity] > 0).map(
    (severity) => `${counts[severity]} ${severity}`,
  );
  return new VectabaseError('AUDIT_FINDINGS', {
    message: `${count(findings.length, 'finding')}: ${parts.join(', ')}`,
    hint: `Run ${words.apply}, or add what you mean to be open to audit.accepted.`,
    details: { ...counts },
  });
}

export function notMended(left: readonly string[]): VectabaseError {
  return new VectabaseError('AUDIT_FINDINGS', {
    message: `${count(left.length, 'finding')} still open after the fix`,
    hint: 'A grant by another role or a policy that was made meanwhile keeps it open: run vectabase audit policies and look at what it rests on.',
    details: { left },
  });
}
