import type { Observation, Phase } from '../../foundation/core/observe.ts';

/** The steps of `up`, in the order in which they run. */
export const UP_STEPS = [
  'directory',
  'master-key',
  'keys',
  'certificates',
  'binaries',
  'cluster',
  'postgres',
  'schema',
  'daemon',
] as const;
export type UpStep = (typeof UP_STEPS)[number];

/** Everything noteworthy that `up` says. `changed` is true when the step made something that was not there. */
export type UpObservation = Observation & { event: `up.${string}.${Phase}` } & (
    | { event: 'up.step.started'; id: UpStep; step: number; of: number }
    | { event: 'up.step.finished'; id: UpStep; changed: boolean; ms: number }
    | { event: 'up.step.failed'; id: UpStep; code: string; ms: number }
    /** The cluster is not in the directory, because the servers' user cannot enter it. */
    | { event: 'up.cluster.noted'; id: string; reason: 'directory closed to the system user'; user: string }
    /** A server that a killed `up` had left was stopped first. */
    | { event: 'up.orphan.noted'; id: string; pid: number }
    | { event: 'up.stop.started' | 'up.stop.finished'; id: 'daemon' | 'postgres'; ms?: number }
  );
