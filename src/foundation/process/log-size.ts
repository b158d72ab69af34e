import { copyFile, stat, truncate } from 'node:fs/promises';

const LIMIT_BYTES = 64 * 1024 ** 2;
const EVERY_MS = 60_000;

/**
 * Keeps logs that children write from filling the disk: at 64 MiB a log is copied to `<file>.1`, over the one before,
 * and emptied. The children hold the file open for appending, so they go on writing at its new end; what they write
 * in the moment between copy and cut is lost. Looks at once, then each minute.
 */
export function keepLogsSmall(files: readonly string[], limit = LIMIT_BYTES): { stop: () => Promise<void> } {
  let looking = look(files, limit);
  const timer = setInterval(() => {
    looking = look(files, limit);
  }, EVERY_MS).unref();
  return {
    stop: async () => {
      clearInterval(timer);
      await looking;
    },
  };
}

async function look(files: readonly string[], limit: number): Promise<void> {
  for (const file of files) {
    try {
      if ((await stat(file)).size < limit) continue;
      await copyFile(file, `${file}.1`);
      await truncate(file);
    } catch {
      // A full disk or a file that is gone must not stop the servers.
    }
  }
}
