/** The process environment: the one door to it outside `bin/`, so that tests and the architecture check can see it. */
export function environment(): NodeJS.ProcessEnv {
  return process.env;
}

/** Brings the master key of an installation; stronger than its file. */
export const MASTER_KEY_VARIABLE = 'VECTABASE_MASTER_KEY';
