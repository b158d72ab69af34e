/**
 * `node .ci/count.js REPORT STATUS` → `PASSED FAILED SKIPPED` of one vitest run.
 * What the report does not show counts too: a missing report, a file that could not be loaded, a leaked error that made
 * the run fail although each test passed.
 */
import { readFileSync } from 'node:fs';

const [, , report, status] = process.argv;
process.stdout.write(`${count().join(' ')}\n`);

function count() {
  let result;
  try {
    result = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    return [0, 1, 0];
  }
  const unloaded = result.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const failed = result.numFailedTests + unloaded.length;
  const unexplained = failed === 0 && (status !== '0' || !result.success) ? 1 : 0;
  const nothingRan = result.numTotalTests === 0 && failed + unexplained === 0 ? 1 : 0;
  return [result.numPassedTests, failed + unexplained + nothingRan, result.numPendingTests + result.numTodoTests];
}
