import { unwatchFile, watchFile } from 'node:fs';
import type { Logger } from 'pino';
import type { RuntimeConfig } from '../foundation/config/runtime-file.ts';
import { messageOf } from '../foundation/core/errors.ts';
import { readKeys, type DaemonKeys } from './keys.ts';

/** The keys in force. They change while the daemon runs: `vectabase keys` writes the file anew. */
export interface KeyRing {
  readonly current: () => DaemonKeys;
  /** Reads the file again when it changes. */
  readonly watch: (log: Logger) => { stop(): void };
}

/**
 * Milliseconds between looks at the file. Each worker looks for itself, so there is nobody to forward a message; and a
 * look works where change events do not (network file systems, a file that was renamed into place).
 */
const LOOK = 1_000;

/** @throws VectabaseError CONFIG_INVALID as `readKeys` */
export function openKeyRing(config: RuntimeConfig): KeyRing {
  let keys = readKeys(config, Date.now());
  return {
    current: () => keys,
    watch: (log) => {
      const reload = (): void => {
        try {
          keys = readKeys(config, Date.now());
          log.info('keys read');
        } catch (error) {
          log.error({ reason: messageOf(error) }, 'keys cannot be read; those in memory stay in force');
        }
      };
      const { keysFile } = config;
      if (keysFile !== undefined) watchFile(keysFile, { interval: LOOK, persistent: false }, reload);
      return {
        stop: () => {
          if (keysFile !== undefined) unwatchFile(keysFile, reload);
        },
      };
    },
  };
}
