import { open } from 'node:fs/promises';

/** The last lines of a server log after byte `from`, at most 64 KiB of it; empty when there is none. */
export async function lastLines(file: string, count: number, from = 0): Promise<string[]> {
  const handle = await open(file, 'r').catch(() => undefined);
  if (!handle) return [];
  try {
    const { size } = await handle.stat();
    const length = Math.min(Math.max(size - from, 0), 65_536);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '')
      .slice(-count);
  } finally {
    await handle.close();
  }
}
