import { writeFileSync } from 'node:fs';

/**
 * Keeps the memory of this process, and of the children that it starts from now on, out of what a crash leaves behind:
 * core dumps carry no pages (Linux, core(5)), and Node writes no diagnostic report, which would list the environment.
 * Whoever is root can still read the memory of any process.
 */
export function keepOutOfDumps(): void {
  if (process.report !== undefined) {
    process.report.reportOnFatalError = false;
    process.report.reportOnUncaughtException = false;
    process.report.reportOnSignal = false;
  }
  try {
    writeFileSync('/proc/self/coredump_filter', '0');
  } catch {
    // no /proc: macOS writes no cores unless told to
  }
}
