import { blocker, count, list, major, mebibytes, warning, type Finding } from './finding.ts';
import type { PreflightInput } from './input.ts';

/** The target's role, version, emptiness and disk. */
export function targetChecks({
  source,
  target,
  selection,
  targetFreeBytes,
  dataBytes,
  indexBytes,
}: PreflightInput): Finding[] {
  const findings: Finding[] = [];
  if (!target.superuser) {
    findings.push(
      blocker(
        'target-role',
        `role ${target.role} of the target is no superuser: triggers could not be kept from firing`,
        'Leave --target-file away to use the installation made by `vectabase up`, or give a superuser.',
      ),
    );
  }
  if (target.version < 160000)
    findings.push(
      blocker(
        'target-version',
        `Postgres ${major(target.version)} as a target is not supported (16 to 18 are)`,
        'Use Postgres 17.',
      ),
    );
  else if (major(target.version) < major(source.version)) {
    findings.push(
      warning(
        'target-older',
        `the target runs Postgres ${major(target.version)}, the source ${major(source.version)}: newer syntax may be refused`,
        'Use the same major version.',
      ),
    );
  }
  if (target.inRecovery)
    findings.push(blocker('target-standby', 'the target is a standby and takes no writes', 'Connect to the primary.'));
  if (selection.conflicts.length > 0) {
    findings.push(
      blocker(
        'target-not-empty',
        `the target already has ${count(selection.conflicts.length, 'object')} of the source: ${list(selection.conflicts)}`,
        'Move into a fresh installation (`vectabase up --dir NEW`), or drop them there.',
      ),
    );
  }
  if (target.filledTables.length > 0) {
    findings.push(
      blocker(
        'target-has-rows',
        `the target already has rows in ${list(target.filledTables)}`,
        'Move into a fresh installation (`vectabase up --dir NEW`).',
      ),
    );
  }
  const needed = dataBytes + indexBytes;
  if (targetFreeBytes !== null && targetFreeBytes < needed * 1.2) {
    const what = `the target's disk has ${mebibytes(targetFreeBytes)} free; rows and indexes take about ${mebibytes(needed)}, write-ahead log on top`;
    findings.push(
      targetFreeBytes < needed
        ? blocker('disk', what, 'Free or add disk space, or leave rows behind with --exclude.')
        : warning('disk', what, 'Free or add disk space.'),
    );
  }
  return findings;
}
