import { run } from './run.ts';

/**
 * Removes a directory that another user may still work in. Node goes down by path, and would follow a directory that
 * became a link on the way; rm(1) holds on to each directory that it looked at.
 */
export async function removeTree(directory: string): Promise<void> {
  const { exitCode, stderr } = await run(['rm', '-rf', '--', directory], { timeout: 3_600_000 });
  if (exitCode !== 0) throw new Error(stderr.trim());
}
