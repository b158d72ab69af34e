/** The process environment: the one door to it outside `bin/`, so that tests and the architecture check can see it. */
export function environment(): NodeJS.ProcessEnv {
  return process.env;
}
