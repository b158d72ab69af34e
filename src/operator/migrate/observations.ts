import type { Observation } from '../../foundation/core/observe.ts';

/** Everything noteworthy that a migration says. `id` names the phase, table, step or check. */
export type MigrateObservation = Observation &
  (
    | { event: 'migrate.phase.started' | 'migrate.phase.finished'; id: MigratePhase; ms?: number }
    | { event: 'migrate.snapshot.noted'; id: string; lsn: string; attempt: number }
    | { event: 'migrate.table.started'; id: string; part: string; totalBytes: number }
    | { event: 'migrate.table.progress'; id: string; part: string; bytes: number; totalBytes: number }
    | { event: 'migrate.table.finished'; id: string; part: string; rows: number; bytes: number; ms: number }
    | { event: 'migrate.step.started'; id: string }
    | { event: 'migrate.step.finished'; id: string; ms: number }
    | { event: 'migrate.step.failed'; id: string; code: string }
    | { event: 'migrate.verify.started'; id: string }
    | { event: 'migrate.verify.finished'; id: string; rows: number; equal: boolean; ms: number }
    | { event: 'migrate.resume.noted'; id: string; decision: 'kept' | 'copied again' }
    | { event: 'migrate.total.progress'; id: 'rows and bytes'; bytes: number; totalBytes: number }
    | { event: 'migrate.total.finished'; id: 'rows and bytes' }
  );

export type MigratePhase = 'connect' | 'plan' | 'revalidate' | 'move' | 'compare' | 'report';
