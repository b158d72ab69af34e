import type { JobTerms } from '../../operator/backup/alerts/jobs.ts';

/** Work that is done by itself, by one daemon among all on a database. */
export interface Job extends JobTerms {
  /** Names it in the database, in alerts and in metrics: `base`. */
  readonly name: string;
  /** cron's five fields, UTC. */
  readonly schedule: string;
  /** Whether a database without any run of it gets one at once, instead of waiting for the next time. */
  readonly atFirst: boolean;
  /**
   * Since when one more run is wanted, whatever the schedule says, in milliseconds since the epoch: what the last one made
   * may have lost its use. Asked at each look; one run for each instant that it answers.
   */
  wantedSince?(signal: AbortSignal): Promise<number | undefined>;
  /**
   * Stops soon after `signal` aborts. What it answers is kept with the run, so no secrets and no values of anybody.
   *
   * @throws VectabaseError whose code and message are kept, and told in an alert
   */
  run(signal: AbortSignal): Promise<JobReport>;
}

export type JobReport = Readonly<Record<string, string | number | boolean | null>>;
