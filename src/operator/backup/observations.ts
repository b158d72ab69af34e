import type { JobContext, Observation, Phase } from '../../foundation/core/observe.ts';

/** Everything noteworthy that jobs on backups say. */
export type BackupObservation = Observation & { event: `backup.${string}.${Phase}` } & (
    | { event: 'backup.copy.started'; id: string; totalBytes: number }
    | {
        event: 'backup.copy.progress' | 'backup.copy.finished';
        id: string;
        bytes: number;
        totalBytes?: number;
        ms?: number;
      }
    | { event: 'backup.full.noted'; id: string; reason: string }
    | { event: 'backup.check.started'; id: string; totalBytes: number }
    | {
        event: 'backup.check.progress' | 'backup.check.finished';
        id: string;
        bytes: number;
        totalBytes?: number;
        ms?: number;
      }
    | { event: 'backup.prune.progress'; id: string; removed: number }
    | { event: 'backup.offsite.progress'; id: string; bytes: number; documents: number }
    | { event: 'backup.start.started' | 'backup.start.finished'; id: string; ms?: number }
    | { event: `backup.replay.${'started' | 'progress' | 'finished'}`; id: string; lsn?: string; ms?: number }
    | { event: `backup.dump.${'started' | 'progress' | 'finished'}`; id: string; bytes?: number }
    | { event: `backup.proof.${'started' | 'finished'}`; id: string; rows?: number; ms?: number }
  );

/** Milliseconds between two words about progress. */
const TELL = 250;

/** Says how far a job is, and not too often. */
export function teller(
  ctx: JobContext<BackupObservation>,
  word: (bytes: number) => BackupObservation,
): (bytes: number) => void {
  let told = 0;
  return (bytes) => {
    const now = ctx.clock.now();
    if (now - told < TELL) return;
    told = now;
    ctx.observe(word(bytes));
  };
}
